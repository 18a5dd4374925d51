/** Redis and Sentinels of docker-compose.ha.yml, run by their own commands, configuration and health checks: what the primary lost, nobody loses. */
import { isInstalled, runToEnd, waitFor } from '@dnstap-bgp/testkit'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { LoopbackCompose, mayMakeNetwork, type ComposeService, type RunningService } from './loopback-compose.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const programs = ['redis-server', 'redis-cli', 'nsenter', 'ip'].filter((name) => !isInstalled(name))
const missing = [...programs, ...(programs.length > 0 || mayMakeNetwork() ? [] : ['the right to make a network namespace'])]
const title = 'docker-compose.ha.yml'
const LONG = { timeoutMs: 60_000 }
const PORTS = { redis: '6379', 'redis-replica': '6380' } as const
const SENTINELS = { 'sentinel-1': '26379', 'sentinel-2': '26380', 'sentinel-3': '26381' } as const

describe.skipIf(missing.length > 0)(missing.length > 0 ? `${title} (not installed: ${missing.join(', ')})` : title, () => {
  const secrets = mkdtempSync(join(tmpdir(), 'dnstap-bgp-secrets-'))
  const secret = (path: string) => readFileSync(join(secrets, path), 'utf8')
  const running = new Map<string, RunningService>()
  let compose: LoopbackCompose

  beforeAll(async () => {
    const { services } = parse(readFileSync(join(root, title), 'utf8'), { merge: true }) as {
      services: Record<string, ComposeService>
    }
    const flags = services['credentials'].command.filter((word) => word.startsWith('--nats-route') || word === '--sentinel')
    expect((await runToEnd('cli', ['credentials', secrets, ...flags])).code).toBe(0)
    compose = await LoopbackCompose.create(root, { 'credentials-redis': join(secrets, 'redis') })
    const start = async (name: string) => {
      const { command, volumes, healthcheck } = services[name]
      // The volume of secrets comes from the service that it extends.
      const all = ['credentials-redis:/run/secrets/dnstap-bgp:ro', ...volumes]
      running.set(name, await compose.start(name, { command, volumes: all, healthcheck }))
    }
    await Promise.all([...Object.keys(PORTS), ...Object.keys(SENTINELS)].map(start))
  }, 120_000)
  afterAll(async () => {
    await compose.remove()
    rmSync(secrets, { recursive: true, force: true })
  })

  function service(name: keyof typeof PORTS | keyof typeof SENTINELS): RunningService {
    const one = running.get(name)
    if (one === undefined) throw new Error(`${name} does not run`)
    return one
  }

  /** A command of redis-cli, as the cache may ask it. */
  async function redis(name: keyof typeof PORTS, ...words: string[]): Promise<string> {
    const REDISCLI_AUTH = secret('cache/redis-password')
    return (await compose.run(['redis-cli', '-p', PORTS[name], '--user', 'dnstap-bgp', ...words], { REDISCLI_AUTH })).trim()
  }

  async function sentinel(name: keyof typeof SENTINELS, question: string): Promise<string> {
    const REDISCLI_AUTH = secret('cache/sentinel-password')
    return (await compose.run(['redis-cli', '-p', SENTINELS[name], 'sentinel', question, 'dnstap-bgp'], { REDISCLI_AUTH })).trim()
  }
  const primary = async () => (await sentinel('sentinel-2', 'get-master-addr-by-name')).split('\n')[1]

  test('the primary of Redis comes back at once with an empty volume: the replica takes over, and nothing is lost', async () => {
    expect(await primary()).toBe(PORTS.redis)
    expect(await redis('redis', 'set', 'dnstap-bgp:lab', 'kept')).toBe('OK')
    expect(await redis('redis', 'wait', '1', '20000')).toBe('1')
    // Sentinels make a replica the primary that they know.
    for (const name of Object.keys(SENTINELS) as (keyof typeof SENTINELS)[])
      await waitFor(async () => (await sentinel(name, 'replicas')) !== '', LONG)

    await service('redis').kill()
    service('redis').emptyVolume()
    await service('redis').restart()
    expect(await primary()).toBe(PORTS['redis-replica'])
    await waitFor(async () => (await redis('redis', 'get', 'dnstap-bgp:lab').catch(() => '')) === 'kept', LONG)
    expect(await redis('redis-replica', 'get', 'dnstap-bgp:lab')).toBe('kept')
    expect(service('redis').log()).toContain('waiting for the Sentinels')
  })

  test('after all of them ended at once, the server that took over is the primary, with what it has', async () => {
    expect(await redis('redis-replica', 'set', 'dnstap-bgp:lab', 'newer')).toBe('OK')
    expect(await redis('redis-replica', 'wait', '1', '20000')).toBe('1')
    await Promise.all([...running.values()].map((one) => one.kill()))
    await Promise.all([...running.values()].map((one) => one.restart()))
    expect(await primary()).toBe(PORTS['redis-replica'])
    await waitFor(async () => (await redis('redis', 'get', 'dnstap-bgp:lab').catch(() => '')) === 'newer', LONG)
    expect(await redis('redis-replica', 'get', 'dnstap-bgp:lab')).toBe('newer')
  })
})
