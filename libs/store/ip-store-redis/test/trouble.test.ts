/** What is wrong in a Redis that answers: health has to say so, and the log once. */
import { StoreError } from '@dnstap-bgp/ip-store'
import { NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog } from '@dnstap-bgp/runtime'
import { isInstalled, waitFor } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { cli, redisUnderTest, soon } from './redis-under-test.ts'

const PATIENT = { timeoutMs: 60_000 }

describe.skipIf(!isInstalled('redis-server'))('a Redis that answers, and is not well', () => {
  const { redis, open } = redisUnderTest()

  async function start() {
    const server = await redis()
    const warnings: string[] = []
    const store = await open({ servers: [server] }, { ...silentLog, warn: (_fields, sentence) => void warnings.push(sentence) })
    return { server, store, warnings }
  }

  test.each([
    ['a number that is none', ['hset', 'dnstap-bgp:meta', 'revision', 'abc'], ['del', 'dnstap-bgp:meta']],
    ['a key of another type', ['set', 'dnstap-bgp:b:192.0.2.1/32', 'x'], ['del', 'dnstap-bgp:b:192.0.2.1/32']],
  ])('scripts fail because of %s: the store is unavailable, logged once, until they work', async (_what, spoil, mend) => {
    const { server, store, warnings } = await start()
    cli(server, ...spoil)
    const last = () => cli(server, 'hget', 'dnstap-bgp:meta', 'last')
    const observe = () => store.observe([sighting(soon(60_000))], NO_LIMITS)
    for (let beats = 0; beats < 2; beats++) {
      await expect(observe()).rejects.toBeInstanceOf(StoreError)
      expect(store.state).toMatchObject({
        kind: 'unavailable',
        why: expect.stringContaining('did another program write into our keys') as string,
      })
      const before = last()
      await waitFor(() => last() !== before, PATIENT) // a beat gets through, and proves nothing
    }
    expect(warnings.filter((sentence) => sentence.includes('cannot be used'))).toHaveLength(1)
    cli(server, ...mend)
    await waitFor(observe, PATIENT)
    await waitFor(() => store.state.kind === 'ready', PATIENT)
  })

  test('its policy was changed to allow eviction: a concern, logged once, until it does not', async () => {
    const { server, store, warnings } = await start()
    expect(store.state).toEqual({ kind: 'ready' })
    cli(server, 'config', 'set', 'maxmemory-policy', 'allkeys-lru')
    const concern = { kind: 'ready', concern: expect.stringContaining('maxmemory-policy allkeys-lru') as string }
    await waitFor(() => 'concern' in store.state, PATIENT)
    expect(store.state).toEqual(concern)
    cli(server, 'config', 'set', 'maxmemory-policy', 'noeviction')
    await waitFor(() => !('concern' in store.state), PATIENT)
    expect(warnings.filter((sentence) => sentence.includes('evict'))).toHaveLength(1)
  })
})
