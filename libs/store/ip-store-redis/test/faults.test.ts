import { readFileSync, rmSync } from 'node:fs'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { StoreState } from '@dnstap-bgp/ip-store'
import { allBindings, NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import type { Log } from '@dnstap-bgp/runtime'
import { freePort, isInstalled, makeCertificates, startSentinel, waitFor } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { openRedisStore } from '../src/index.ts'
import type { RedisIpStore } from '../src/index.ts'
import { address, cli, redisUnderTest, soon, wayTo } from './redis-under-test.ts'

describe.skipIf(!isInstalled('redis-server'))('RedisIpStore and a real redis-server', () => {
  const { ends, redis, open } = redisUnderTest()

  test('killed and started again, it has what it had in the same epoch, and says when it was away', async () => {
    const server = await redis({ persistent: true, extra: 'appendfsync always' })
    const store = await open({ servers: [server] })
    const states: StoreState['kind'][] = []
    store.onState((state) => states.push(state.kind))
    await store.observe([sighting(soon(60_000))], NO_LIMITS)
    const head = await store.head()
    await server.kill()
    await waitFor(() => store.state.kind === 'unavailable', { what: 'the loss to be noticed' })
    await expect(store.observe([sighting()], NO_LIMITS)).rejects.toBeInstanceOf(StoreError)
    await expect(store.head()).rejects.toThrow('Redis cannot be reached')
    await server.restart()
    await waitFor(() => store.state.kind === 'ready', { what: 'the store to be back' })
    expect((await store.head()).epoch).toBe(head.epoch)
    expect(await store.changesSince(head, 10)).toBe('gap')
    expect(await store.bindingsOf('192.0.2.1/32')).toHaveLength(1)
    expect(states).toEqual(['unavailable', 'ready'])
  })

  test('a Redis that comes back empty begins a new epoch: heads differ, old heads get a gap, and the log says so', async () => {
    const server = await redis()
    const warnings: string[] = []
    const store = await open({ servers: [server] }, { ...silentLog, warn: (_fields, sentence) => void warnings.push(sentence) })
    const other = await open({ servers: [server] })
    await store.observe([sighting(soon(60_000))], NO_LIMITS)
    const before = await store.head()
    expect(await other.head()).toEqual(before)
    await server.kill()
    await server.restart({ loseData: true })
    await waitFor(() => store.state.kind === 'ready', { what: 'the store to be back' })
    const after = await store.head()
    expect(after.epoch).not.toBe(before.epoch)
    expect(await store.changesSince(before, 10)).toBe('gap')
    // What was told in the last seconds was told again.
    expect(await store.bindingsOf('192.0.2.1/32')).toHaveLength(1)
    expect(warnings.join()).toContain('a new epoch begins')
    await waitFor(() => other.state.kind === 'ready', { what: 'the other replica to be back' })
    expect((await other.head()).epoch).toBe(after.epoch)
  })

  test('FLUSHALL by somebody begins a new epoch, too', async () => {
    const server = await redis()
    const store = await open({ servers: [server] })
    await store.observe([sighting(soon(60_000))], NO_LIMITS)
    const before = await store.head()
    cli(server, 'flushall')
    const { changes } = await store.observe([sighting(soon(60_000))], NO_LIMITS)
    expect(changes?.firstRevision).toBe(1)
    expect(changes?.epoch).toBe((await store.head()).epoch)
    expect(changes?.epoch).not.toBe(before.epoch)
  })

  test('when only the head is lost, routes and bindings stay, in a new epoch whose log starts anew', async () => {
    const server = await redis()
    const store = await open({ servers: [server] })
    await store.observe([sighting(soon(60_000)), sighting({ prefix: '192.0.2.2/32', ...soon(60_000) })], NO_LIMITS)
    const before = await store.head()
    cli(server, 'del', 'dnstap-bgp:meta')
    const { changes } = await store.observe([sighting({ prefix: '192.0.2.3/32', ...soon(60_000) })], NO_LIMITS)
    expect(changes).toMatchObject({ firstRevision: 1, changes: [{ prefix: '192.0.2.3/32', lists: ['vpn'] }] })
    expect(changes?.epoch).not.toBe(before.epoch)
    expect(await store.counts()).toEqual({ bindings: 3, routes: 3, routesPerList: new Map([['vpn', 3]]) })
    expect((await store.expire(Date.now() + 3_600_000, 10)).changes?.changes).toHaveLength(3)
  })

  test('a server that is not there at the start is awaited; one that freezes is noticed', async () => {
    const port = await freePort('127.0.0.1')
    const store = await open({ servers: [{ host: '127.0.0.1', port }] })
    expect(store.state).toMatchObject({ kind: 'unavailable' })
    await expect(store.head()).rejects.toBeInstanceOf(StoreError)
    const server = await redis({ port })
    await waitFor(() => store.state.kind === 'ready', { what: 'the store to be there' })
    server.pause()
    await expect(store.head()).rejects.toThrow('did not answer in time')
    await waitFor(() => store.state.kind === 'unavailable', { what: 'the freeze to be noticed' })
    server.resume()
    await waitFor(() => store.state.kind === 'ready', { what: 'the store to be back' })
  })

  test('both connections to a host that goes silent are replaced, and its last writes are repeated to its successor', async () => {
    const server = await redis()
    const way = await wayTo(server)
    ends.push(() => way.close())
    const store = await open({ servers: [way] })
    await waitFor(() => cli(server, 'pubsub', 'numsub', '__keyevent@0__:expired').endsWith('1'), { what: 'the subscription' })
    await store.observe([sighting(soon(3_600_000))], NO_LIMITS)
    way.fallSilent()
    await server.kill()
    await server.restart({ loseData: true })
    await waitFor(() => store.state.kind === 'unavailable', { what: 'the silence to be noticed' })
    await waitFor(() => store.state.kind === 'ready', { what: 'the successor' })
    expect(await store.bindingsOf('192.0.2.1/32')).toHaveLength(1)
    await waitFor(() => cli(server, 'pubsub', 'numsub', '__keyevent@0__:expired').endsWith('1'), { what: 'the subscription' })
  })

  test('several replicas never announce twice and agree on every change', async () => {
    const server = await redis()
    const stores = [await open({ servers: [server] }), await open({ servers: [server] }), await open({ servers: [server] })]
    const [first] = stores as [RedisIpStore]
    const start = await first.head()
    const seen = Array.from({ length: 3000 }, (_, index) => sighting({ prefix: address(index % 1000), ...soon(60_000 + index) }))
    const answers = await Promise.all(
      stores.flatMap((store, at) =>
        [0, 1, 2].map((part) => store.observe(seen.slice((at * 3 + part) * 300, (at * 3 + part) * 300 + 800), NO_LIMITS)),
      ),
    )
    const made = answers.flatMap((answer) => answer.outcomes).filter((outcome) => outcome === 'new').length
    expect(made).toBe(1000)
    expect((await first.counts()).routes).toBe(1000)
    expect((await first.head()).revision).toBe(1000)
    const expired = await Promise.all(stores.map((store) => store.expire(Date.now() + 3_600_000, 3000)))
    expect(expired.reduce((sum, { bindings }) => sum + bindings, 0)).toBe(1000)
    const all = await first.changesSince(start, 10_000)
    if (typeof all === 'string') throw new Error(all)
    expect(all.changes).toHaveLength(2000)
    // What each call told is what the log says at those revisions, other replicas' changes in between included.
    for (const { changes } of [...answers, ...expired]) {
      if (changes === undefined) continue
      const at = changes.firstRevision - 1
      expect(changes.changes).toEqual(all.changes.slice(at, at + changes.changes.length))
    }
  })

  test('a call larger than one script is cut, and its changes are published as one', async () => {
    const server = await redis()
    const store = await open({ servers: [server] })
    const many = Array.from({ length: 2345 }, (_, index) => sighting({ prefix: address(index), ...soon(60_000) }))
    const { outcomes, changes } = await store.observe(many, NO_LIMITS)
    expect(outcomes).toEqual(many.map(() => 'new'))
    expect(changes?.changes.map((change) => change.prefix)).toEqual(many.map((one) => one.prefix))
    const ended = await store.expire(Date.now() + 3_600_000, 2000)
    expect(ended.bindings).toBe(2000)
    expect(ended.changes?.changes).toHaveLength(2000)
    expect(Number(cli(server, 'xlen', 'dnstap-bgp:log'))).toBe(5 + 2)
  })

  test('the log keeps about as many changes as it is told to, then there is a gap', async () => {
    const server = await redis()
    const store = await open({ servers: [server], logLength: 1000 })
    const start = await store.head()
    for (let from = 0; from < 10_000; from += 100)
      await store.observe(
        Array.from({ length: 100 }, (_, index) => sighting({ prefix: address(from + index), ...soon(60_000) })),
        NO_LIMITS,
      )
    expect(await store.changesSince(start, 10)).toBe('gap')
    expect(await store.changesSince({ ...start, revision: 9000 }, 5000)).toMatchObject({ firstRevision: 9001 })
    expect(Number(cli(server, 'xlen', 'dnstap-bgp:log'))).toBeLessThan(40)
  })

  test("one key's TTL ends at the next deadline, and its expiry is a hint to sweep", async () => {
    const server = await redis()
    const store = await open({ servers: [server] })
    let hints = 0
    store.onDeadline(() => hints++)
    await waitFor(() => cli(server, 'pubsub', 'numsub', '__keyevent@0__:expired').endsWith('1'), { what: 'the subscription' })
    const due = store.now() + 200
    await store.observe([sighting({ seenAtMs: due, expiresAtMs: due })], NO_LIMITS)
    await waitFor(() => hints > 0, { what: 'the hint' })
    expect(store.now()).toBeGreaterThanOrEqual(due - 20)
    await waitFor(async () => (await store.expire(store.now(), 10)).bindings === 1, { what: 'the end of it' })
    cli(server, 'config', 'set', 'notify-keyspace-events', '')
    await store.observe([sighting({ seenAtMs: due, expiresAtMs: due })], NO_LIMITS)
    expect((await store.expire(store.now(), 10)).bindings).toBe(1)
  })

  test('the only key with a TTL is the trigger, which ends at the next deadline', async () => {
    const server = await redis()
    const store = await open({ servers: [server] })
    const due = store.now() + 600_000
    const at = (index: number, expiresAtMs: number, name = 'example.org') =>
      sighting({ prefix: address(index), name, seenAtMs: due, expiresAtMs })
    const ttl = () => Number(cli(server, 'pttl', 'dnstap-bgp:next'))
    await store.observe([at(1, due + 1_000_000), at(2, Infinity, '')], NO_LIMITS)
    expect(ttl()).toBeGreaterThan(1_500_000)
    await store.observe([at(3, due), at(4, due + 500_000), at(2, due)], NO_LIMITS)
    expect(ttl()).toBeLessThanOrEqual(600_000)
    await store.forget([at(2, Infinity, '')])
    await store.expire(due, 10)
    expect(ttl()).toBeGreaterThan(1_000_000)
    expect(ttl()).toBeLessThanOrEqual(1_100_000)
    await store.reschedule([{ ...at(4, due), seenAtMs: due, expiresAtMs: due + 10_000 }])
    expect(ttl()).toBeLessThanOrEqual(610_000)
    expect(cli(server, 'info', 'keyspace')).toContain('expires=1,')
  })

  test('notification flags that are set already stay set', async () => {
    const server = await redis({ extra: 'notify-keyspace-events Kg' })
    await open({ servers: [server] })
    await waitFor(() => cli(server, 'config', 'get', 'notify-keyspace-events').includes('E'), { what: 'the flags' })
    const flags = cli(server, 'config', 'get', 'notify-keyspace-events').split('\n').at(-1) ?? ''
    expect([...flags].sort().join('')).toBe('EKgx')
  })

  test('the ACL user of the README works, and no more than that is needed', async () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    const rules = /`(~dnstap-bgp:[^`]*)`/.exec(readme)?.[1] ?? ''
    const server = await redis({ users: { dnstap: `>secret ${rules}` } })
    const warnings: string[] = []
    const infos: string[] = []
    const log: Log = {
      ...silentLog,
      info: (_fields, sentence) => void infos.push(sentence),
      warn: (_fields, sentence) => void warnings.push(sentence),
    }
    const store = await open({ servers: [server], user: 'dnstap', password: { reveal: () => 'secret' } }, log)
    let hints = 0
    store.onDeadline(() => hints++)
    const head = await store.head()
    await waitFor(() => infos.some((sentence) => sentence.includes('notify-keyspace-events Ex for prompt expiry')), {
      what: 'advice',
    })
    expect(
      (await store.observe([sighting(soon(60_000)), sighting({ prefix: '192.0.2.2/32', ...soon(0) })], NO_LIMITS)).outcomes,
    ).toEqual(['new', 'new'])
    await store.reschedule([{ ...sighting({ prefix: '192.0.2.2/32' }), expiresAtMs: 0 }])
    expect((await store.expire(store.now(), 10)).bindings).toBe(1)
    expect(await allBindings(store)).toHaveLength(1)
    expect(await store.bindingsNamed('example.org')).toHaveLength(1)
    expect(await store.changesSince(head, 10)).toMatchObject({ firstRevision: 1 })
    await store.forget([sighting()])
    for await (const part of store.snapshot()) expect(part.routes).toEqual([])
    expect(store.state).toEqual({ kind: 'ready' })
    expect(warnings).toEqual([])
  })

  test('a wrong password is named, not shown', async () => {
    const server = await redis({ users: { dnstap: '>secret ~dnstap-bgp:* &* +@all' } })
    const said: unknown[] = []
    const keep = (fields: object, sentence: string): void => void said.push(JSON.stringify(fields), sentence)
    const refused = await open(
      { servers: [server], user: 'dnstap', password: 'not-the-secret' },
      { ...silentLog, warn: keep, info: keep, error: keep },
    )
    await waitFor(() => refused.state.kind === 'unavailable' && refused.state.why.includes('credentials'), {
      what: () => `the refusal; state ${JSON.stringify(refused.state)}`,
    })
    expect(said.join()).not.toContain('not-the-secret')
    const error = await refused.head().catch((reason: unknown) => reason)
    expect(JSON.stringify(error) + String(error)).not.toContain('not-the-secret')
  })

  test('TLS with the authority that is configured, and with no other', async () => {
    const certificates = makeCertificates()
    const tls = { ...certificates.server, caFile: certificates.caFile, clientsMustShow: true }
    const server = await redis({ tls, password: 'secret' })
    const good = { servers: [server], password: 'secret', tls: { caFile: certificates.caFile, ...certificates.client } }
    expect((await open(good)).state.kind).toBe('ready')
    expect((await open({ ...good, tls: { ...certificates.client } })).state.kind).toBe('unavailable')
    await expect(
      openRedisStore({ ...good, tls: { caFile: '/nowhere/ca.pem' } }, { clock: systemClock, log: silentLog }),
    ).rejects.toThrow(/nowhere/)
  })

  test('by Sentinel it follows the master', async () => {
    const old = await redis()
    const replica = await redis({ replicaOf: old })
    await waitFor(() => cli(replica, 'info', 'replication').includes('master_link_status:up'), { what: 'the replica' })
    const sentinel = await startSentinel({ master: old })
    ends.push(() => sentinel.remove())
    await waitFor(() => cli(sentinel, 'sentinel', 'replicas', 'dnstap').includes(String(replica.port)), {
      what: 'Sentinel to know the replica',
      timeoutMs: 30_000,
    })
    const store = await open({ servers: [sentinel], sentinelName: 'dnstap' })
    await store.observe([sighting(soon(600_000))], NO_LIMITS)
    const { epoch } = await store.head()
    await waitFor(() => cli(replica, 'hget', 'dnstap-bgp:meta', 'revision') === '1', { what: 'replication' })
    await old.kill()
    await waitFor(() => store.state.kind === 'unavailable', { what: 'the loss' })
    await waitFor(() => store.state.kind === 'ready', { what: 'the new master', timeoutMs: 40_000 })
    expect((await store.head()).epoch).toBe(epoch) // it has all that we were told
    expect((await store.observe([sighting({ prefix: '192.0.2.9/32', ...soon(60_000) })], NO_LIMITS)).outcomes).toEqual(['new'])
    expect(await store.counts()).toMatchObject({ routes: 2 })
    const revision = Number(cli(replica, 'hget', 'dnstap-bgp:meta', 'revision'))
    expect(await store.head()).toEqual({ epoch, revision })
    expect(revision).toBeGreaterThan(1_000_000_000)
  })

  test('a cluster is refused with a sentence', async () => {
    const server = await redis({ cluster: true })
    const store = await open({ servers: [server] })
    expect(store.state).toMatchObject({
      kind: 'unavailable',
      why: expect.stringMatching(/this is a Redis Cluster .* use a single server/),
    })
  })

  test('a full server refuses what is new with StoreError and still answers', async () => {
    const server = await redis({ extra: 'maxmemory 3mb\nmaxmemory-policy noeviction' })
    const store = await open({ servers: [server] })
    const fill = async (): Promise<void> => {
      for (let from = 0; ; from += 500)
        await store.observe(
          Array.from({ length: 500 }, (_, index) => sighting({ prefix: address(from + index), ...soon(60_000) })),
          NO_LIMITS,
        )
    }
    await expect(fill()).rejects.toThrow(StoreError)
    expect(store.state).toMatchObject({ kind: 'unavailable', why: expect.stringContaining('OOM') as string })
    const { bindings, routes } = await store.counts()
    expect(bindings).toBe(routes)
    let listed = 0
    for await (const part of store.snapshot()) listed += part.routes.length
    expect(listed).toBe(routes)
    // What is due goes even so, and makes room.
    expect((await store.expire(store.now() + 3_600_000, bindings)).bindings).toBe(bindings)
    await waitFor(() => store.state.kind === 'ready', { what: 'the store to be ready again' })
  })

  test('a disk that Redis cannot write to is reported, although Redis answers, until it can again', async () => {
    const server = await redis({ extra: 'save 3600 1\nstop-writes-on-bgsave-error yes' })
    const store = await open({ servers: [server] })
    await store.observe([sighting(soon(60_000))], NO_LIMITS)
    const folder = cli(server, 'config', 'get', 'dir').split('\n').at(-1) ?? ''
    rmSync(folder, { recursive: true })
    cli(server, 'bgsave')
    await waitFor(() => store.state.kind === 'unavailable', { what: 'the refusal of writes' })
    expect(store.state).toMatchObject({ why: expect.stringContaining('MISCONF') as string })
    await expect(store.observe([sighting({ prefix: '192.0.2.2/32' })], NO_LIMITS)).rejects.toThrow('MISCONF')
    expect(await store.bindingsOf('192.0.2.1/32')).toHaveLength(1)
    cli(server, 'config', 'set', 'stop-writes-on-bgsave-error', 'no')
    cli(server, 'config', 'set', 'save', '') // or it would not stop: it has nowhere to save to
    await waitFor(() => store.state.kind === 'ready', { what: 'the store to be ready again' })
    expect((await store.observe([sighting({ prefix: '192.0.2.2/32' })], NO_LIMITS)).outcomes).toEqual(['new'])
  })

  test('too few replicas for a write are a reason to be unavailable', async () => {
    const server = await redis({ extra: 'min-replicas-to-write 1' })
    const store = await open({ servers: [server] })
    expect(store.state).toMatchObject({ kind: 'unavailable', why: expect.stringContaining('NOREPLICAS') as string })
    cli(server, 'config', 'set', 'min-replicas-to-write', '0')
    await waitFor(() => store.state.kind === 'ready', { what: 'the store to be ready' })
  })
})
