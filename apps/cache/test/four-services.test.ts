/**
 * The second shape: the four services as processes of their own over a real NATS and a real Redis, a real Unbound in front and a real BIRD
 * behind. Two ingests and two cache replicas run at once. Then each program and each server is killed and comes back.
 */
import {
  adminJson,
  askAdmin,
  type Authority,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type NatsServer,
  type Resolver,
  type Router,
  type Server,
  startAuthority,
  startBird,
  startNats,
  startProgram,
  startRedis,
  startUnbound,
  waitFor,
} from '@dnstap-bgp/testkit'
import { openNatsBus, type NatsBus } from '@dnstap-bgp/bus-nats'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { ROUTE_CHANGES, type RouteChanges } from '@dnstap-bgp/steering'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const missing = ['unbound', 'knotd', 'bird', 'dig', 'nats-server', 'redis-server'].filter((program) => !isInstalled(program))

const hosts = Array.from({ length: 40 }, (_, i) => i + 1)
const ZONES = {
  'x.test': `www A 198.51.100.100\nalias CNAME cdn.y.test.\n${hosts.map((n) => `h${n} A 198.51.100.${n}`).join('\n')}\n`,
  'xbox.test': 'www A 198.51.100.166\n',
  'y.test': 'cdn A 198.51.100.102\n',
}

describe.skipIf(missing.length > 0)(
  `four services over NATS and Redis${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    let authority: Authority
    let nats: NatsServer
    let redis: Server
    let bird: Router
    let bus: NatsBus
    const published: RouteChanges[] = []
    const programs: Record<string, Daemon> = {}
    const resolvers: Resolver[] = []
    const us = loopbackAddress()
    const expected = new Set<string>()

    const config = (folder: string) => {
      writeFileSync(join(folder, 'domains.txt'), 'x.test\n')
      return `
domains = "domains.txt"
ttl = "1h"
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
relearnTime = "20s"
peers = ["${bird.options.address}:${bird.options.port}"]
[never]
allow = ["198.51.100.0/24"]
[bus]
servers = ["nats://${nats.url}"]
[store]
redis = "${redis.host}:${redis.port}"
[syncer]
listen = "127.0.0.1:0"
[admin]
listen = "./admin.sock"
[log]
level = "debug"
`
    }
    const logs = () =>
      Object.entries(programs)
        .map(([name, program]) => `── ${name}\n${program.log().slice(-1500)}`)
        .join('\n')
    const inBird = async () => (await bird.routes()).map((route) => route.prefix).sort()
    const waitForExpected = (timeoutMs = 20_000) =>
      waitFor(async () => (await inBird()).join() === [...expected].sort().join(), {
        timeoutMs,
        what: () => `BIRD to have exactly ${expected.size} routes;\n${logs()}`,
      })
    let nextHost = 0
    /** A name not asked before, through one of the resolvers. */
    const lookUpNew = async (resolver = resolvers[0]) => {
      const n = hosts[nextHost++]
      await resolver.lookup(`h${n}.x.test`)
      expected.add(`198.51.100.${n}/32`)
    }

    beforeAll(async () => {
      ;[authority, nats, redis] = await Promise.all([
        startAuthority(ZONES),
        startNats(),
        startRedis({ persistent: true, extra: 'appendfsync always' }),
      ])
      bus = await openNatsBus({ servers: [`nats://${nats.url}`], name: 'test' }, { clock: systemClock, log: silentLog })
      bus.subscribe(ROUTE_CHANGES, (changes) => published.push(changes))
      const address = loopbackAddress()
      bird = await startBird({
        address,
        port: await freePort(address),
        asn: 64512,
        peerAddress: us,
        peerAsn: 64512,
        families: ['ipv4'],
      })
      const start = async (name: string, app: string) => {
        programs[name] = await startProgram({ app, config })
      }
      await Promise.all([start('cache 1', 'cache'), start('cache 2', 'cache')])
      await Promise.all([
        start('announcer', 'bgp-announcer'),
        start('gateway', 'sync-gateway'),
        start('ingest 1', 'dnstap-ingest'),
        start('ingest 2', 'dnstap-ingest'),
      ])
      for (const name of ['ingest 1', 'ingest 2'])
        resolvers.push(
          await startUnbound({ dnstap: join(programs[name].folder, 'tap.sock'), zones: Object.keys(ZONES), authority }),
        )
      await bird.waitForSession('Established', { what: () => `a BGP session;\n${logs()}` })
    }, 120_000)

    afterAll(async () => {
      await Promise.all(resolvers.map((resolver) => resolver.remove()))
      await Promise.all(Object.values(programs).map((program) => program.remove()))
      await bus?.close()
      await Promise.all([bird?.remove(), nats?.remove(), redis?.remove(), authority?.remove()])
    }, 60_000)

    test('a lookup becomes a route; a look-alike does not', async () => {
      await resolvers[0].lookup('www.xbox.test')
      await resolvers[0].lookup('WWW.x.test')
      await resolvers[1].lookup('alias.x.test')
      expected.add('198.51.100.100/32').add('198.51.100.102/32')
      await waitForExpected()
      expect((await bird.routes())[0].nextHop).toBe('192.0.2.9')
    })

    test('both ingests and both caches work at once, and nothing is announced twice', async () => {
      for (let i = 0; i < 10; i++) await lookUpNew(resolvers[i % 2])
      await waitForExpected()
    })

    test.each([
      ['announcer', '/api/senders', 'dnstap-ingest', 'ingest 1'],
      ['gateway', '/api/lists', 'dnstap-ingest and cache', 'cache 1'],
      ['ingest 1', '/api/routes', 'bgp-announcer', 'announcer'],
      ['cache 1', '/api/peers', 'bgp-announcer', 'announcer'],
      ['cache 2', '/api/sync-peers', 'sync-gateway', 'gateway'],
    ])('%s, asked for %s, names %s', async (asked, path, owner, running) => {
      const ask = (name: string) => askAdmin(join(programs[name].folder, 'admin.sock'), 'GET', path)
      expect(await ask(asked)).toEqual({ status: 404, text: `{"error":"there is no ${path} here; ${owner} has it"}\n` })
      expect((await ask(running)).status).toBe(200)
    })

    test.each(['ingest 1', 'announcer', 'gateway'])('%s, asked how much the store has, asks a cache', async (name) => {
      const socket = join(programs[name].folder, 'admin.sock')
      expect(await adminJson<object>(socket, '/api/cache')).toMatchObject({
        routesPerList: { default: expect.any(Number) as number },
      })
    })

    test.each(['ingest 1', 'cache 2', 'announcer', 'gateway'])(
      '%s, asked why an address is routed, knows its binding and the peers that have it',
      async (name) => {
        await waitForExpected()
        const socket = join(programs[name].folder, 'admin.sock')
        const answer = await adminJson<object>(socket, '/api/explain?subject=198.51.100.100')
        expect(answer).toMatchObject({
          routed: true,
          bindings: [{ name: 'www.x.test', prefix: '198.51.100.100/32' }],
          announced: [{ prefix: '198.51.100.100/32', peers: [`${bird.options.address}:${bird.options.port}`], staleFor: '' }],
          notes: [],
        })
      },
    )

    test('an address forgotten by hand at any program is withdrawn, and neither cache learns it again', async () => {
      await lookUpNew()
      await waitForExpected()
      const n = hosts[nextHost - 1]
      const body = { subject: `198.51.100.${n}`, holdDown: '10m' }
      const { status, text } = await askAdmin(join(programs['gateway'].folder, 'admin.sock'), 'POST', '/api/forget', body)
      expect({ status, ...(JSON.parse(text) as object) }).toEqual({
        status: 200,
        forgotten: 1,
        withdrawn: [`${body.subject}/32`],
      })
      expected.delete(`${body.subject}/32`)
      await waitForExpected()
      // The other ingest has not told it yet: a second source brings it to the caches again.
      const before = await refusedBy(programs, 'held-down')
      await resolvers[1].lookup(`h${n}.x.test`)
      await waitFor(async () => (await refusedBy(programs, 'held-down')) > before)
      expect(await inBird()).toEqual([...expected].sort())
    })

    test.each(['cache 1', 'cache 2', 'announcer', 'gateway', 'ingest 1', 'ingest 2'])(
      '%s may be killed at any moment: it comes back, and no route is missing meanwhile',
      async (name) => {
        await waitForExpected()
        const watch = watchRoutes(inBird, expected)
        await programs[name].kill()
        // The other ingest goes on.
        await lookUpNew(resolvers[name === 'ingest 1' ? 1 : 0])
        await programs[name].restart()
        await bird.waitForSession('Established')
        await lookUpNew(resolvers[name === 'ingest 2' ? 0 : 1])
        await waitForExpected()
        expect(await watch.stop()).toEqual([])
      },
    )

    test('nats-server may be killed: routes stay, and routes learnt meanwhile arrive when it is back', async () => {
      await waitForExpected()
      const watch = watchRoutes(inBird, expected)
      await nats.kill()
      await lookUpNew()
      await nats.restart()
      await waitForExpected(40_000)
      await lookUpNew(resolvers[1])
      await waitForExpected()
      expect(await watch.stop()).toEqual([])
    })

    test('redis-server may be killed: routes stay, and routes learnt meanwhile arrive when it is back', async () => {
      await waitForExpected()
      const watch = watchRoutes(inBird, expected)
      await redis.kill()
      await lookUpNew()
      await redis.restart()
      await waitForExpected(40_000)
      expect(await watch.stop()).toEqual([])
    })

    test('redis-server may come and go while names are looked up', async () => {
      await waitForExpected()
      const watch = watchRoutes(inBird, expected)
      for (let round = 0; round < 2; round++) {
        await lookUpNew(resolvers[0])
        await redis.kill()
        await lookUpNew(resolvers[0])
        await lookUpNew(resolvers[1])
        await redis.restart()
        await lookUpNew(resolvers[1])
      }
      await waitForExpected(40_000)
      expect(await watch.stop()).toEqual([])
    }, 90_000)

    test('no replica announces what another has announced', () => {
      for (const epoch of new Set(published.map((one) => one.epoch))) {
        const changes = new Map<number, string>()
        for (const one of published) {
          if (one.epoch !== epoch) continue
          one.changes.forEach((change, i) => {
            const revision = one.firstRevision + i
            const text = `${change.prefix} ${change.lists.join()}`
            expect(changes.get(revision) ?? text).toBe(text)
            changes.set(revision, text)
          })
        }
        expect(new Set(changes.values()).size).toBe(changes.size)
      }
    })

    test.each([
      [
        'is flushed by hand',
        async () => {
          await flushAll(redis)
        },
      ],
      [
        'comes back with an empty disk',
        async () => {
          await redis.kill()
          await redis.restart({ loseData: true })
        },
      ],
    ])(
      'when redis-server %s, routes are kept as stale until their names are looked up again, and the others are withdrawn later',
      async (_what, lose) => {
        await waitForExpected()
        // The caches store the bindings of the last 5 s again. This test is about the older ones.
        const settledMs = Date.now()
        await waitFor(() => Date.now() - settledMs > 6000)
        const names = [...expected]
          .filter((prefix) => !/\.10[02]\/32$/.test(prefix))
          .map((prefix) => /\.(\d+)\/32$/.exec(prefix)?.[1])
        const again = names.slice(0, Math.ceil(names.length / 2))
        const everything = watchRoutes(inBird, expected)
        await lose()
        await waitFor(() => staleRoutes(programs['announcer']).then((stale) => stale > 0), {
          timeoutMs: 30_000,
          what: () => `stale routes;\n${logs()}`,
        })
        const total = expected.size
        await waitFor(
          async () => {
            for (const n of again) await resolvers[0].lookup(`h${n}.x.test`)
            return (await staleRoutes(programs['announcer'])) === total - again.length
          },
          { timeoutMs: 15_000, what: () => `the names looked up to be learnt again;\n${logs()}` },
        )
        expect(await everything.stop()).toEqual([])
        expected.clear()
        for (const n of again) expected.add(`198.51.100.${n}/32`)
        const kept = watchRoutes(inBird, expected)
        await waitForExpected(40_000)
        expect(await kept.stop()).toEqual([])
      },
      120_000,
    )

    test('an edit of the lists withdraws exactly the routes that they no longer cover, and an exception takes its name out', async () => {
      await waitForExpected()
      const [gone, excepted, ...stay] = [...expected].sort()
      const nameOf = (prefix: string | undefined) => `h${/\.(\d+)\/32$/.exec(prefix ?? '')?.[1]}.x.test`
      const kept = watchRoutes(inBird, new Set(stay))
      // Everything but `gone` is named; `excepted` is named and excepted.
      const list = [...stay, excepted].map(nameOf).join('\n') + `\n!${nameOf(excepted)}\n`
      for (const name of ['cache 1', 'cache 2']) {
        writeFileSync(join(programs[name].folder, 'domains.txt'), list)
        programs[name].signal('SIGHUP')
      }
      expected.delete(gone)
      expected.delete(excepted)
      await waitForExpected()
      expect(await kept.stop()).toEqual([])
      // A stale ingest, whose list still has them and which has forgotten what it told, cannot put them back.
      await programs['ingest 1'].stop()
      await programs['ingest 1'].restart()
      const before = await refusedBy(programs, 'not-listed')
      await waitFor(
        async () => {
          await resolvers[0].lookup(nameOf(gone))
          await resolvers[0].lookup(nameOf(excepted))
          return (await refusedBy(programs, 'not-listed')) >= before + 2
        },
        { what: () => `the caches to refuse both;\n${logs()}` },
      )
      expect(await inBird()).toEqual([...expected].sort())
    })
  },
)

/** Resolutions that the caches refused for this reason. */
async function refusedBy(programs: Readonly<Record<string, Daemon>>, reason: string): Promise<number> {
  let sum = 0
  for (const name of ['cache 1', 'cache 2']) {
    const { text } = await askAdmin(join(programs[name].folder, 'admin.sock'), 'GET', '/metrics')
    sum += Number(new RegExp(`cache_refused_total\\{reason="${reason}"\\} (\\d+)`).exec(text)?.[1] ?? 0)
  }
  return sum
}

/** Stale routes of the announcer: the store lost its memory and has not learnt them again. */
async function staleRoutes(announcer: Daemon): Promise<number> {
  const { text } = await askAdmin(join(announcer.folder, 'admin.sock'), 'GET', '/metrics')
  return Number(/announcer_stale_routes (\d+)/.exec(text)?.[1] ?? 0)
}

function flushAll({ host, port }: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => socket.write('FLUSHALL\r\n'))
    socket.once('error', reject)
    socket.once('data', (answer) => {
      socket.destroy()
      if (answer.toString().startsWith('+OK')) resolve()
      else reject(new Error(answer.toString()))
    })
  })
}

/** Looks at the routes again and again; reports those of the expected at the beginning that were ever missing. */
function watchRoutes(look: () => Promise<string[]>, expected: ReadonlySet<string>) {
  const wanted = [...expected]
  const missing = new Set<string>()
  let watching = true
  const done = (async () => {
    while (watching) {
      const seen = new Set(await look())
      for (const prefix of wanted) if (!seen.has(prefix)) missing.add(prefix)
    }
  })()
  return {
    async stop(): Promise<string[]> {
      watching = false
      await done
      return [...missing]
    },
  }
}
