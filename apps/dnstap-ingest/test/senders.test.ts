/**
 * Real resolvers report to the bundled all-in-one, over every transport they have: what of a client's lookups becomes a route, and what
 * happens when either side restarts or we stand still.
 *
 * Each sender has names and addresses of its own (198.51.100.16n and up), so that all of them can run against one process at once. What
 * must not become a route is asked first: senders keep the order, so when the last name's route is there the others have been seen.
 */
import {
  adminJson,
  type Authority,
  type Daemon,
  freePort,
  hasKnotDnstap,
  isInstalled,
  loopbackAddress,
  type Resolver,
  type ResolverOptions,
  startAuthority,
  startBind,
  startDnsdist,
  startKnotResolver,
  startPdnsRecursor,
  startProgram,
  startUnbound,
  waitFor,
} from '@dnstap-bgp/testkit'
import { Resolver as StubResolver } from 'node:dns/promises'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

interface Sender {
  readonly id: string
  readonly programs: readonly string[]
  readonly transport: 'unix' | 'tcp'
  readonly types: 'CLIENT_RESPONSE' | 'RESOLVER_RESPONSE'
  readonly start: (options: ResolverOptions) => Promise<Resolver>
}

let plainUnbound: Promise<Resolver> | undefined
/** dnsdist stands in front of a resolver that reports nothing itself. */
const behindDnsdist = async (options: ResolverOptions) => {
  plainUnbound ??= startUnbound({ zones: options.zones, authority: options.authority })
  return startDnsdist({ ...options, authority: await plainUnbound })
}

const client = { types: 'CLIENT_RESPONSE' } as const
const resolver = { types: 'RESOLVER_RESPONSE' } as const
const ALL: readonly Sender[] = [
  { id: 'unbound-unix', programs: ['unbound'], transport: 'unix', ...client, start: startUnbound },
  { id: 'unbound-tcp', programs: ['unbound'], transport: 'tcp', ...client, start: startUnbound },
  { id: 'bind-unix', programs: ['named'], transport: 'unix', ...client, start: startBind },
  { id: 'knot-resolver-unix', programs: ['kresd'], transport: 'unix', ...client, start: startKnotResolver },
  { id: 'dnsdist-unix', programs: ['dnsdist', 'unbound'], transport: 'unix', ...client, start: behindDnsdist },
  { id: 'dnsdist-tcp', programs: ['dnsdist', 'unbound'], transport: 'tcp', ...client, start: behindDnsdist },
  { id: 'pdns-recursor-unix', programs: ['pdns_recursor'], transport: 'unix', ...resolver, start: startPdnsRecursor },
  { id: 'pdns-recursor-tcp', programs: ['pdns_recursor'], transport: 'tcp', ...resolver, start: startPdnsRecursor },
]
const SENDERS = ALL.filter(({ programs }) => programs.every(isInstalled))
const missing = ['knotd', 'dig'].filter((program) => !isInstalled(program))

const ZONES = ['steer.test', 'notsteer.test', 'cdn.test']
/** The last part of a sender's addresses, by what they are for. */
const USE = { www: 1, alias: 2, hints: 3, case: 4, last: 5, again: 6, after: 7, frozen: 8, thawed: 9, unlisted: 15 } as const
const v4 = (sender: Sender, use: keyof typeof USE) => `198.51.100.${16 * ALL.indexOf(sender) + USE[use]}`
const v6 = (sender: Sender) => `2001:db8:51:${ALL.indexOf(sender) + 1}::1`

/** Listed is steer.test. */
function zoneRecords(zone: string): string {
  const lines = ALL.map((sender) => {
    const { id } = sender
    if (zone === 'notsteer.test') return `www.${id} A ${v4(sender, 'unlisted')}`
    if (zone === 'cdn.test') return `edge.${id} CNAME host.${id}\nhost.${id} A ${v4(sender, 'alias')}`
    return [
      `www.${id} A ${v4(sender, 'www')}`,
      `www.${id} AAAA ${v6(sender)}`,
      `alias.${id} CNAME edge.${id}.cdn.test.`,
      `hints.${id} HTTPS 1 . alpn=h2 ipv4hint=${v4(sender, 'hints')}`,
      `case.${id} A ${v4(sender, 'case')}`,
      `inside.${id} A 127.0.0.1`,
      ...(['last', 'again', 'after', 'frozen', 'thawed'] as const).map((use) => `*.${use}.${id} A ${v4(sender, use)}`),
    ].join('\n')
  })
  return lines.join('\n')
}

interface Route {
  readonly prefix: string
}
interface Explanation {
  readonly bindings: readonly { name: string; source: string; chain: readonly string[] }[]
}
interface Senders {
  readonly identities: readonly { identity: string; version: string }[]
}

describe.skipIf(missing.length > 0)(`Real senders${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`, () => {
  let authority: Authority
  /** One of ours for each kind of message. */
  const programs = {} as Record<Sender['types'], Daemon>
  const ports = {} as Record<Sender['types'], string>
  const resolvers = new Map<Sender, Resolver>()
  let labels = 0

  const config = (types: Sender['types']) => (folder: string) => {
    writeFileSync(join(folder, 'domains.txt'), 'steer.test\n')
    return `
domains = "domains.txt"
ttl = "1h"
ipv6 = true
[dnstap]
listen = ["./dnstap.sock", "${ports[types]}"]
types = ["${types}"]
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "127.0.0.1"
nextHop = "192.0.2.9"
nextHopIPv6 = "2001:db8::9"
peers = []
[never]
allow = ["198.51.100.0/24", "2001:db8:51::/48"]
[admin]
listen = "./admin.sock"
`
  }
  const ask = <T>(types: Sender['types'], path: string) => adminJson<T>(join(programs[types].folder, 'admin.sock'), path)
  const resolverOf = (sender: Sender) => {
    const running = resolvers.get(sender)
    if (running === undefined) throw new Error(`${sender.id} does not run`)
    return running
  }
  /** The routes to the sender's own addresses. */
  const routesOf = async (sender: Sender) => {
    const all = (await ask<Route[]>(sender.types, '/api/routes')).map((route) => route.prefix)
    const n = ALL.indexOf(sender)
    return all.filter((prefix) => {
      const last = /^198\.51\.100\.(\d+)\/32$/.exec(prefix)?.[1]
      return last === undefined ? prefix.startsWith(`2001:db8:51:${n + 1}:`) : Math.floor(Number(last) / 16) === n
    })
  }
  /** Looks up names that nobody asked for before, until one became a route: senders hold frames back, and take time to come back. */
  const lookUpUntilRouted = async (sender: Sender, use: keyof typeof USE) => {
    let looks = 0
    const route = `${v4(sender, use)}/32`
    await waitFor(
      async () => {
        // Not at each look, for dig is a process of its own.
        if (looks++ % 8 === 0) await resolverOf(sender).lookup(`n${labels++}.${use}.${sender.id}.steer.test`)
        return (await routesOf(sender)).includes(route)
      },
      {
        timeoutMs: 40_000,
        intervalMs: 50,
        what: () => `a route to ${route} from ${sender.id}; our log:\n${programs[sender.types].log().slice(-3000)}`,
      },
    )
  }

  beforeAll(async () => {
    await Promise.all(
      (['CLIENT_RESPONSE', 'RESOLVER_RESPONSE'] as const).map(async (types) => {
        const address = loopbackAddress()
        ports[types] = `${address}:${await freePort(address)}`
        programs[types] = await startProgram({ app: 'all-in-one', config: config(types) })
      }),
    )
    authority = await startAuthority(Object.fromEntries(ZONES.map((zone) => [zone, zoneRecords(zone)])), {
      ...(hasKnotDnstap() ? { dnstap: join(programs.CLIENT_RESPONSE.folder, 'dnstap.sock') } : {}),
      identity: 'test-knotd',
    })
    await Promise.all(
      SENDERS.map(async (sender) => {
        const dnstap = sender.transport === 'unix' ? join(programs[sender.types].folder, 'dnstap.sock') : ports[sender.types]
        resolvers.set(sender, await sender.start({ dnstap, zones: ZONES, authority, identity: `test-${sender.id}` }))
      }),
    )
  })

  afterAll(async () => {
    await Promise.all([...resolvers.values()].map((running) => running.remove()))
    await (await plainUnbound)?.remove()
    await authority?.remove()
    await Promise.all(Object.values(programs).map((program) => program.remove()))
  })

  describe.concurrent('a lookup of a client', () => {
    for (const sender of ALL) {
      const absent = sender.programs.filter((program) => !isInstalled(program))
      const why = absent.length > 0 ? ` (not installed: ${absent.join(', ')})` : ''
      test.skipIf(absent.length > 0)(`at ${sender.id} becomes the right routes and nothing else${why}`, async () => {
        const { lookup } = resolverOf(sender)
        const { id } = sender
        await lookup(`www.${id}.notsteer.test`) // only looks like the listed name
        await lookup(`host.${id}.cdn.test`, 'AAAA') // not listed either
        await lookup(`nobody.${id}.steer.test`) // NXDOMAIN
        await lookup(`inside.${id}.steer.test`) // an address that is never routed
        await lookup(`www.${id}.steer.test`)
        await lookup(`www.${id}.steer.test`, 'AAAA')
        await lookup(`hints.${id}.steer.test`, 'HTTPS')
        await lookup(`alias.${id}.steer.test`)
        await lookup(`CaSe.${id}.sTeeR.teST`)
        await lookUpUntilRouted(sender, 'last')
        const expected = (['www', 'alias', 'hints', 'case', 'last'] as const).map((use) => `${v4(sender, use)}/32`)
        expect((await routesOf(sender)).sort()).toEqual([...expected, `${v6(sender)}/128`].sort())
        const { bindings } = await ask<Explanation>(sender.types, `/api/explain?subject=${v4(sender, 'alias')}`)
        const name = `alias.${id}.steer.test`
        const chain = [name, `edge.${id}.cdn.test`, `host.${id}.cdn.test`]
        expect(bindings).toMatchObject([{ name, source: `test-${id}`, chain }])
        const { identities } = await ask<Senders>(sender.types, '/api/senders')
        expect(identities.map(({ identity }) => identity)).toContain(`test-${id}`)
      })
    }
  })

  const ownReports = `an authority's own reports (knotd, AUTH_RESPONSE) arrive and become nothing`
  test.skipIf(!hasKnotDnstap())(`${ownReports}${hasKnotDnstap() ? '' : ' (not installed: knot-module-dnstap)'}`, async () => {
    const types = 'CLIENT_RESPONSE'
    await waitFor(
      async () => (await ask<Senders>(types, '/api/senders')).identities.some(({ identity }) => identity === 'test-knotd'),
      { what: 'knotd among the senders' },
    )
    for (const { prefix } of await ask<Route[]>(types, '/api/routes')) {
      const { bindings } = await ask<Explanation>(types, `/api/explain?subject=${prefix.slice(0, prefix.indexOf('/'))}`)
      expect(bindings.map(({ source }) => source)).not.toContain('test-knotd')
    }
  })

  describe.concurrent('a sender that restarts', () => {
    for (const sender of SENDERS)
      test(`is heard again: ${sender.id}`, async () => {
        const { daemon } = resolverOf(sender)
        await daemon.stop()
        await daemon.restart()
        await lookUpUntilRouted(sender, 'again')
      })
  })

  test('all of them answer while we are away, and connect to us again', { timeout: 90_000 }, async () => {
    await Promise.all(Object.values(programs).map((program) => program.stop()))
    for (const sender of SENDERS)
      expect(await resolverOf(sender).lookup(`n${labels++}.last.${sender.id}.steer.test`)).toEqual([v4(sender, 'last')])
    await Promise.all(Object.values(programs).map((program) => program.restart()))
    await Promise.all(SENDERS.map((sender) => lookUpUntilRouted(sender, 'after')))
  })

  const frozenBeside = SENDERS.filter(({ id }) => ['unbound-unix', 'unbound-tcp', 'bind-unix'].includes(id))
  const names = frozenBeside.map(({ id }) => id).join(', ')
  test.skipIf(names === '')(
    `while we are frozen (SIGSTOP) every query is answered, and frames flow afterwards: ${names}`,
    async () => {
      const FROZEN_MS = 3000
      const failures: string[] = []
      let answered = 0
      programs.CLIENT_RESPONSE.signal('SIGSTOP')
      try {
        await Promise.all(
          frozenBeside.map(async (sender) => {
            const { address, port } = resolverOf(sender)
            const stub = new StubResolver({ timeout: 2000, tries: 2 })
            stub.setServers([`${address}:${port}`])
            const lookUp = async () => {
              const name = `n${labels++}.frozen.${sender.id}.steer.test`
              await stub.resolve4(name).then(
                () => answered++,
                (error: unknown) => failures.push(`${name}: ${String(error)}`),
              )
            }
            for (const until = performance.now() + FROZEN_MS; performance.now() < until;)
              await Promise.all([lookUp(), lookUp(), lookUp()])
          }),
        )
      } finally {
        programs.CLIENT_RESPONSE.signal('SIGCONT')
      }
      expect(failures).toEqual([])
      expect(answered).toBeGreaterThan(100)
      await Promise.all(frozenBeside.map((sender) => lookUpUntilRouted(sender, 'thawed')))
    },
  )
})
