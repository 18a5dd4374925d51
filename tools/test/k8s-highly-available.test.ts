/**
 * k8s/overlays/highly-available, run: the pods of its three StatefulSets on loopback, by their own commands, configuration and probes.
 * A NATS server and the primary of Redis are killed, and nothing is lost.
 */
import { openNatsBus } from '@dnstap-bgp/bus-nats'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { RESOLUTIONS, type Resolution } from '@dnstap-bgp/steering'
import { isInstalled, runToEnd, waitFor } from '@dnstap-bgp/testkit'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { LoopbackPods, mayMount, type ConfigMap, type Pod, type StatefulSet } from './loopback-pods.ts'

const overlay = fileURLToPath(new URL('../../k8s/overlays/highly-available', import.meta.url))
const readme = readFileSync(join(overlay, '../../README.md'), 'utf8')
const programs = ['kubectl', 'nats-server', 'redis-server', 'redis-cli', 'wget'].filter((name) => !isInstalled(name))
const missing = [...programs, ...(mayMount() ? [] : ['the right to mount'])]
const title = 'k8s/overlays/highly-available'
const LONG = { timeoutMs: 60_000 }

describe.skipIf(missing.length > 0)(missing.length > 0 ? `${title} (not installed: ${missing.join(', ')})` : title, () => {
  const secrets = mkdtempSync(join(tmpdir(), 'dnstap-bgp-secrets-'))
  const secret = (path: string) => readFileSync(join(secrets, path), 'utf8')
  let pods: LoopbackPods
  let sets: StatefulSet[]

  beforeAll(async () => {
    const [, flags = ''] = /credentials \/secrets (--nats-route.*)$/m.exec(readme) ?? []
    expect((await runToEnd('cli', ['credentials', secrets, ...flags.split(' ')])).code).toBe(0)
    const { stdout } = spawnSync('kubectl', ['kustomize', overlay], { encoding: 'utf8' })
    const objects = parseAllDocuments(stdout, { version: '1.1' }).map((document) => document.toJS() as { kind: string })
    sets = objects.filter(({ kind }) => kind === 'StatefulSet') as StatefulSet[]
    pods = new LoopbackPods(objects.filter(({ kind }) => kind === 'ConfigMap') as ConfigMap[], secrets)
  })
  afterAll(async () => {
    await pods.remove()
    rmSync(secrets, { recursive: true, force: true })
  })

  function start(name: string): Promise<Pod[]> {
    const set = sets.find(({ metadata }) => metadata.name === name)
    if (set === undefined) throw new Error(`there is no StatefulSet ${name}`)
    return pods.start(set)
  }

  function openBus(user: string, servers: readonly Pod[]) {
    const addresses = servers.flatMap(({ address }) => (address === undefined ? [] : [`${address}:4222`]))
    const password = secret(`${user}/nats-password`)
    const options = { servers: addresses, user, name: user, password, replicas: 3 }
    return openNatsBus(options, { clock: systemClock, log: silentLog })
  }

  /** A command of redis-cli, as the cache may ask it. */
  async function redis(host: string, ...words: string[]): Promise<string> {
    const REDISCLI_AUTH = secret('cache/redis-password')
    const answer = await pods.run(['redis-cli', '-h', `${host}.redis`, '--user', 'dnstap-bgp', ...words], { REDISCLI_AUTH })
    return answer.trim()
  }

  async function sentinel(ordinal: number, question: string): Promise<string> {
    const REDISCLI_AUTH = secret('cache/sentinel-password')
    const command = ['redis-cli', '-h', `sentinel-${ordinal}.sentinel`, '-p', '26379', 'sentinel', question, 'dnstap-bgp']
    return (await pods.run(command, { REDISCLI_AUTH })).trim()
  }
  const primary = async () => (await sentinel(2, 'get-master-addr-by-name')).split('\n')[0]

  test('a NATS server is killed: what was in the queue is there, more is taken, and it comes back with what it missed', async () => {
    const servers = await start('nats')
    const seen = new Set<string>()
    const openCache = async () => {
      const bus = await openBus('cache', servers)
      bus.consume(RESOLUTIONS, async (messages) => messages.flat().forEach(({ name }) => seen.add(name)))
      return bus
    }
    const [ingest, first] = await Promise.all([openBus('dnstap-ingest', servers), openCache()])
    const say = (name: string) => waitFor(() => ingest.enqueue(RESOLUTIONS, [sighting(name)]).then(() => true), LONG)
    const isSeen = (name: string) => waitFor(() => seen.has(name), { ...LONG, what: `${name} to be seen` })
    try {
      await say('first.example')
      await isSeen('first.example') // the cache has made the queue
      await first.close()
      await say('before.example')
      await servers[1].kill()
      await say('meanwhile.example')
      const second = await openCache()
      try {
        await isSeen('before.example')
        await isSeen('meanwhile.example')
        await servers[1].restart() // ready: its copies are current
        await say('after.example')
        await isSeen('after.example')
      } finally {
        await second.close()
      }
    } finally {
      await Promise.all([ingest.close(), first.close()])
    }
  })

  test('the primary of Redis comes back at once with an empty volume: the replica takes over, and nothing is lost', async () => {
    const [servers] = await Promise.all([start('redis'), start('sentinel')])
    expect(await primary()).toBe('redis-0.redis')
    expect(await redis('redis-0', 'set', 'dnstap-bgp:lab', 'kept')).toBe('OK')
    expect(await redis('redis-0', 'wait', '1', '20000')).toBe('1')
    expect(await redis('redis-1', 'get', 'dnstap-bgp:lab')).toBe('kept')
    // Sentinels make a replica the primary that they know.
    for (const ordinal of [0, 1, 2]) await waitFor(async () => (await sentinel(ordinal, 'replicas')) !== '', LONG)

    await servers[0].kill()
    servers[0].emptyVolume()
    await servers[0].restart() // ready: a copy of the new primary
    expect(await primary()).toBe('redis-1.redis')
    expect(await redis('redis-0', 'get', 'dnstap-bgp:lab')).toBe('kept')
    expect(await redis('redis-1', 'set', 'dnstap-bgp:lab', 'changed')).toBe('OK')
    await waitFor(async () => (await redis('redis-0', 'get', 'dnstap-bgp:lab')) === 'changed', LONG)
    expect(servers[0].log()).toContain('waiting for the Sentinels')
  })
})

function sighting(name: string): Resolution {
  const seenAtMs = Date.now()
  return {
    list: 'lab',
    name,
    rule: name,
    address: '192.0.2.7',
    ttlSeconds: 60,
    seenAtMs,
    source: { kind: 'resolver', identity: 'lab' },
    chain: [name],
  }
}
