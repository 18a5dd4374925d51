/**
 * A metronome at real resolvers: a client's lone cold lookup becomes a route in a fraction of the second that the resolver's batch takes
 * without it. Delays are compared with those of the same resolver a moment before, never with a fixed time.
 */
import {
  adminJson,
  type Authority,
  type Daemon,
  isInstalled,
  type Resolver,
  startAuthority,
  startBind,
  startProgram,
  startUnbound,
  waitFor,
} from '@dnstap-bgp/testkit'
import { Resolver as StubResolver } from 'node:dns/promises'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** As docs/resolvers.md has them. */
const TUNED = [
  'fstrm-set-input-queue-size 512;',
  'fstrm-set-output-notify-threshold 510;',
  'fstrm-set-output-queue-size 2;',
  'fstrm-set-buffer-hint 1024;',
  'fstrm-set-flush-timeout 1;',
]
const ZONES = ['steer.test']

interface Case {
  readonly name: string
  readonly kind: 'unbound' | 'bind'
  readonly start: (dnstap: string, authority: Authority) => Promise<Resolver>
}

const CASES: readonly Case[] = [
  {
    name: 'Unbound',
    kind: 'unbound',
    start: (dnstap, authority) => startUnbound({ dnstap, authority, zones: ZONES, identity: 'test-1' }),
  },
  {
    name: 'Unbound with four threads',
    kind: 'unbound',
    start: (dnstap, authority) =>
      startUnbound({ dnstap, authority, zones: ZONES, identity: 'test-2', serverLines: ['num-threads: 4'] }),
  },
  {
    name: 'BIND',
    kind: 'bind',
    start: (dnstap, authority) => startBind({ dnstap, authority, zones: ZONES, identity: 'test-3', optionLines: TUNED }),
  },
  {
    name: 'BIND with four threads',
    kind: 'bind',
    start: (dnstap, authority) =>
      startBind({ dnstap, authority, zones: ZONES, identity: 'test-4', optionLines: TUNED, threads: 4 }),
  },
]

interface Senders {
  readonly connections: readonly { readonly identity: string; readonly frames: number }[]
  readonly resolvers: readonly {
    readonly resolver: string
    readonly metronome: string
    readonly delayMs: number
    readonly questions: number
  }[]
}

const missing = ['knotd', 'dig', 'unbound', 'named'].filter((program) => !isInstalled(program))

describe.skipIf(missing.length > 0)(`A metronome (not installed: ${missing.join(', ') || 'nothing'})`, () => {
  let authority: Authority
  let program: Daemon
  const resolvers = new Map<Case, Resolver>()
  let labels = 0

  const config = (tables = '') => `
domains = "domains.txt"
[dnstap]
listen = "./dnstap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "127.0.0.1"
nextHop = "192.0.2.9"
peers = []
[never]
allow = ["198.51.100.0/24"]
[admin]
listen = "./admin.sock"
${tables}`
  const socket = () => join(program.folder, 'admin.sock')
  const senders = () => adminJson<Senders>(socket(), '/api/senders')
  const rowOf = async (one: Case) => {
    const running = resolvers.get(one)
    return (await senders()).resolvers.find(({ resolver }) => resolver === `${running?.address}:${running?.port}`)
  }
  const routes = async () => (await adminJson<{ prefix: string }[]>(socket(), '/api/routes')).map(({ prefix }) => prefix)

  /** How long a name that nobody asked for before takes from the client's answer to the route. */
  const coldLookup = async (one: Case): Promise<number> => {
    const { address, port } = resolvers.get(one) ?? { address: '', port: 0 }
    const stub = new StubResolver({ timeout: 2000, tries: 2 })
    stub.setServers([`${address}:${port}`])
    const last = ++labels
    const found = await stub.resolve4(`n${last}.steer.test`)
    const answeredMs = performance.now()
    expect(found).toEqual([`198.51.100.${last}`])
    await waitFor(async () => (await routes()).includes(`198.51.100.${last}/32`), { intervalMs: 2, what: `route ${last}` })
    return performance.now() - answeredMs
  }
  const medianOf = async (one: Case, count: number) => {
    const delays: number[] = []
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => setTimeout(resolve, 120 + ((i * 77) % 100)))
      delays.push(await coldLookup(one))
    }
    return delays.sort((a, b) => a - b)[count >> 1]
  }
  const reload = (tables: string) => {
    writeFileSync(join(program.folder, 'dnstap-bgp.toml'), config(tables))
    program.signal('SIGHUP')
  }

  beforeAll(async () => {
    const names = Array.from({ length: 250 }, (_, i) => `n${i + 1} A 198.51.100.${i + 1}`)
    authority = await startAuthority({ 'steer.test': names.join('\n') })
    program = await startProgram({
      app: 'all-in-one',
      config(folder) {
        writeFileSync(join(folder, 'domains.txt'), 'steer.test\n')
        return config()
      },
    })
    for (const one of CASES) resolvers.set(one, await one.start(join(program.folder, 'dnstap.sock'), authority))
  })

  afterAll(async () => {
    await Promise.all([...resolvers.values()].map((running) => running.remove()))
    await authority?.remove()
    await program?.remove()
  })

  test('each resolver: frames flow well below the batch, and our own frames are no traffic', { timeout: 180_000 }, async () => {
    const bare = new Map<Case, number>()
    for (const one of CASES) bare.set(one, await medianOf(one, 3))
    reload(
      [...resolvers]
        .map(
          ([{ kind }, { address, port }]) =>
            `[[resolver]]\naddress = "${address}:${port}"\nkind = "${kind}"\nflushTarget = "25ms"\n`,
        )
        .join(''),
    )
    await waitFor(async () => (await senders()).resolvers.length === CASES.length, { what: 'the reload' })
    for (const one of CASES)
      await waitFor(async () => ['ok', 'slow'].includes((await rowOf(one))?.metronome ?? ''), {
        timeoutMs: 30_000,
        what: () => `${one.name} to be measured; our log:\n${program.log().slice(-3000)}`,
      })
    for (const one of CASES) {
      const without = bare.get(one) ?? 0
      const row = await rowOf(one)
      expect(without, `${one.name} without a metronome`).toBeGreaterThan(300)
      expect(await medianOf(one, 7), `${one.name}: ${JSON.stringify(row)}`).toBeLessThan(without / 3)
      expect(row?.delayMs, one.name).toBeLessThan(without / 3)
    }
    // Thousands of questions were asked by now.
    const now = await senders()
    expect(now.resolvers.reduce((sum, { questions }) => sum + questions, 0)).toBeGreaterThan(2000)
    for (const { identity, frames } of now.connections) expect(frames, identity).toBeLessThan(300)
  })

  test('a resolver that restarts is found again', { timeout: 120_000 }, async () => {
    for (const one of [CASES[0], CASES[2]]) {
      const { daemon } = resolvers.get(one) ?? { daemon: program }
      await daemon.stop()
      await daemon.restart()
      await waitFor(async () => (await coldLookup(one)) < 300, { timeoutMs: 30_000, what: `${one.name} to be quick again` })
    }
  })
})
