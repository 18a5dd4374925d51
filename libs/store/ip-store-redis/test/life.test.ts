import type { IpStore, Sighting } from '@dnstap-bgp/ip-store'
import { allBindings, NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { isInstalled, waitFor } from '@dnstap-bgp/testkit'
import type { Server } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { address, cli, redisUnderTest } from './redis-under-test.ts'

describe.skipIf(!isInstalled('redis-server'))('a life of the server process', () => {
  const { redis, open } = redisUnderTest()

  const at = (index: number, differences: Partial<Sighting> = {}) =>
    sighting({ prefix: address(index), seenAtMs: Date.now(), expiresAtMs: Infinity, ...differences })
  const prefixes = async (store: IpStore) => (await allBindings(store)).map((binding) => binding.prefix).sort()
  const ready = (store: IpStore) => waitFor(() => store.state.kind === 'ready', { what: 'the store to be back' })

  /** Killed; what it has written to its disk by then is all it comes back with. */
  async function rollBack(server: Server): Promise<void> {
    await server.kill()
    await server.restart()
  }

  test('ends an epoch: whichever replica writes first after a rollback, no number is given out twice', async () => {
    const server = await redis({ extra: 'save 3600 1000000' })
    const first = await open({ servers: [server] })
    await first.observe([at(1), at(2)], NO_LIMITS)
    cli(server, 'save')
    await first.observe([at(3), at(4)], NO_LIMITS)
    const known = await first.head()
    expect(known.revision).toBe(4)
    await first.close()
    await rollBack(server)
    // The first replica is not there to know what was lost; another one makes as many changes.
    const other = await open({ servers: [server] })
    await other.observe([at(5), at(6)], NO_LIMITS)
    await other.observe([at(7), at(8)], NO_LIMITS)
    const second = await open({ servers: [server] })
    for (const store of [other, second]) {
      expect((await store.head()).epoch).not.toBe(known.epoch)
      expect(await store.changesSince(known, 10)).toBe('gap')
    }
    expect(await second.head()).toEqual(await other.head())
    expect(await prefixes(second)).toEqual([1, 2, 5, 6, 7, 8].map(address))
  })

  test('that has what the last one had goes on with its epoch, beyond every number that can have been given out', async () => {
    const server = await redis({ persistent: true, extra: 'appendfsync always' })
    const said: string[] = []
    const say = (_fields: object, sentence: string) => void said.push(sentence)
    const stores = [await open({ servers: [server] }, { ...silentLog, warn: say, info: say }), await open({ servers: [server] })]
    const [store, other] = stores
    await store.observe([at(1), at(2)], NO_LIMITS)
    await other.observe([at(3)], NO_LIMITS)
    const known = await store.head()
    for (let restart = 0; restart < 2; restart++) {
      await rollBack(server)
      await Promise.all(stores.map(ready))
    }
    expect(await store.head()).toEqual(await other.head())
    expect((await store.head()).epoch).toBe(known.epoch)
    expect(await store.changesSince(known, 10)).toBe('gap')
    const { changes } = await other.observe([at(4)], NO_LIMITS)
    expect(changes?.epoch).toBe(known.epoch)
    expect(changes?.firstRevision).toBeGreaterThan(known.revision + 1_000_000_000)
    expect(await store.changesSince({ ...known, revision: (changes?.firstRevision ?? 0) - 1 }, 10)).toEqual(changes)
    expect(await prefixes(store)).toEqual([1, 2, 3, 4].map(address))
    expect(said.join()).toContain('has lost nothing')
    expect(said.join()).not.toContain('a new epoch begins')
  })

  /** A server that was rolled back, and a replica that was told nothing of what it lost; it goes on with the epoch. */
  async function rolledBackUnnoticed() {
    const server = await redis({ extra: 'save 3600 1000000' })
    // It hears nothing that it does not ask for.
    const witness = await open({ servers: [server] }, silentLog, { ...systemClock, every: () => ({ cancel: () => {} }) })
    await witness.observe([at(1), at(2)], NO_LIMITS)
    cli(server, 'save')
    const teller = await open({ servers: [server] })
    await teller.observe([at(3), at(4)], NO_LIMITS)
    const known = await teller.head()
    return { server, witness, teller, known }
  }

  test('that lost what only an announcer knows begins a new epoch when the announcer asks for more', async () => {
    const { server, witness, teller, known } = await rolledBackUnnoticed()
    await teller.close()
    await rollBack(server)
    await ready(witness)
    expect((await witness.head()).epoch).toBe(known.epoch)
    const { changes } = await witness.observe([at(5)], NO_LIMITS)
    expect(changes?.firstRevision).toBeGreaterThan(known.revision)
    expect(await witness.changesSince(known, 10)).toBe('gap')
    expect((await witness.head()).epoch).not.toBe(known.epoch)
    expect(await prefixes(witness)).toEqual([1, 2, 5].map(address))
  })

  test('that lost refreshes, and not one change of a route, has lost something', async () => {
    const server = await redis({ extra: 'save 3600 1000000' })
    const store = await open({ servers: [server] })
    await store.observe([at(1, { expiresAtMs: store.now() + 3_600_000 })], NO_LIMITS)
    const known = await store.head()
    cli(server, 'save')
    await store.observe([at(1, { expiresAtMs: store.now() + 7_200_000 })], NO_LIMITS)
    expect(await store.head()).toEqual(known)
    await rollBack(server)
    await ready(store)
    expect((await store.head()).epoch).not.toBe(known.epoch)
  })

  test('that lost a write of another replica begins a new epoch when that replica comes', async () => {
    const { server, witness, teller, known } = await rolledBackUnnoticed()
    await rollBack(server)
    await Promise.all([ready(witness), ready(teller)])
    expect((await teller.head()).epoch).not.toBe(known.epoch)
    expect(await witness.head()).toEqual(await teller.head())
    expect(await prefixes(witness)).toEqual([1, 2, 3, 4].map(address))
  })

  test('that lost its last answers gets these writes again from the replica that made them', async () => {
    const server = await redis({ extra: 'save 3600 1000000' })
    const store = await open({ servers: [server] })
    const other = await open({ servers: [server] })
    await store.observe([at(1), at(2), at(9)], NO_LIMITS)
    cli(server, 'save')
    const { epoch } = await store.head()
    await store.observe([at(3)], NO_LIMITS)
    await other.observe([at(4)], NO_LIMITS)
    await store.forget([at(9)])
    cli(server, 'hincrby', 'dnstap-bgp:meta', 'clock', '3600000') // as if an hour had passed since the dump
    await store.head()
    const before = store.now()
    await rollBack(server)
    await Promise.all([ready(store), ready(other)])
    expect((await open({ servers: [server] })).now()).toBeGreaterThanOrEqual(before) // time does not go back with the dump
    expect(await prefixes(store)).toEqual([1, 2, 3, 4].map(address))
    expect(await store.head()).toEqual(await other.head())
    expect((await store.head()).epoch).not.toBe(epoch)
  })

  test('is not told again what another replica forgot by hand', async () => {
    const server = await redis({ extra: 'save 3600 1000000' })
    const store = await open({ servers: [server] })
    const other = await open({ servers: [server] })
    await store.observe([at(1), at(2)], NO_LIMITS)
    await other.forget([at(1)])
    await other.close() // or it would tell what it forgot
    store.forgottenElsewhere(address(1))
    await rollBack(server)
    await ready(store)
    expect(await prefixes(store)).toEqual([address(2)])
  })

  test.each([
    ['the run_id is told', '+@all'],
    ['the run_id may not be known', '+@all -info'],
  ])(
    'that begins with a full memory ends due bindings, and gets the repeated writes when there is room (%s)',
    async (_what, rules) => {
      const server = await redis({
        extra: 'save 3600 1000000\nmaxmemory 1000',
        users: { dnstap: `>secret ~* &* ${rules}`, operator: '>secret ~* &* +@all' },
      })
      const operator = (...args: string[]) => cli(server, '--user', 'operator', '--pass', 'secret', '--no-auth-warning', ...args)
      operator('config', 'set', 'maxmemory', '0') // until it starts again
      const store = await open({ servers: [server], user: 'dnstap', password: 'secret' })
      const due = store.now() + 3_600_000
      await store.observe([at(1, { expiresAtMs: due }), at(2, { expiresAtMs: due }), at(3)], NO_LIMITS)
      operator('save')
      await store.observe([at(4), at(5)], NO_LIMITS)
      await store.forget([at(3), at(5)])
      operator('hincrby', 'dnstap-bgp:meta', 'clock', '7200000') // two hours pass
      await store.head()
      await rollBack(server)
      const ended = await waitFor(() => store.expire(store.now(), 10), { what: 'an answer' })
      expect(ended.bindings).toBe(2)
      expect(store.state).toMatchObject({ kind: 'unavailable', why: expect.stringContaining('OOM') as string })
      expect(await prefixes(store)).toEqual([])
      operator('config', 'set', 'maxmemory', '0')
      await ready(store)
      expect(await prefixes(store)).toEqual([address(4)])
    },
  )

  test('is the same after a connection was lost: the epoch goes on', async () => {
    const server = await redis()
    const store = await open({ servers: [server] })
    await store.observe([at(1)], NO_LIMITS)
    const head = await store.head()
    cli(server, 'client', 'kill', 'type', 'normal')
    await waitFor(() => store.state.kind === 'unavailable', { what: 'the loss' })
    await ready(store)
    expect(await store.head()).toEqual(head)
  })

  test('whose run_id may not be read counts as another life at each connection, and the log says so once', async () => {
    const server = await redis({ users: { dnstap: '>secret ~* &* +@all -info', operator: '>secret ~* &* +@all' } })
    const warnings: string[] = []
    const log = { ...silentLog, warn: (_fields: object, sentence: string) => void warnings.push(sentence) }
    const options = { servers: [server], user: 'dnstap', password: 'secret' }
    const store = await open(options, log)
    const other = await open(options)
    await store.observe([at(1)], NO_LIMITS)
    const head = await store.head()
    expect(await other.head()).toEqual(head)
    cli(server, '--user', 'operator', '--pass', 'secret', '--no-auth-warning', 'client', 'kill', 'type', 'normal')
    await waitFor(() => store.state.kind === 'unavailable', { what: 'the loss' })
    await Promise.all([ready(store), ready(other)])
    await waitFor(async () => (await store.head()).epoch === (await other.head()).epoch, { what: 'one epoch for both' })
    expect((await store.head()).epoch).not.toBe(head.epoch)
    expect(await prefixes(store)).toEqual([address(1)])
    expect(warnings.filter((sentence) => sentence.includes('run_id'))).toHaveLength(1)
  })
})
