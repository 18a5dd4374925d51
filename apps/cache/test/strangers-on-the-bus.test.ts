/**
 * The four services over a real NATS and a real Redis that let in nobody but the users of `dnstap-bgp credentials`: each service does its
 * work, no user can do another's, and whatever stands on the bus, no process ends.
 */
import { SERVICES, decodersOnBus, HEAD, EXPLAIN_REQUEST, RESOLUTIONS, RESOLVERS, WHO_SAYS_WHAT } from '@dnstap-bgp/steering'
import {
  adminJson,
  askAdmin,
  type Daemon,
  dnstapFrame,
  dnsResponse,
  freePort,
  isInstalled,
  type NatsServer,
  runToEnd,
  type Server,
  startNats,
  startProgram,
  startRedis,
  waitFor,
} from '@dnstap-bgp/testkit'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tell } from '../../bgp-announcer/test/frame-stream.ts'

const missing = ['nats-server', 'redis-server'].filter((program) => !isInstalled(program))
const STREAM = 'dnstap-bgp_v1_resolutions'
/** A user for the tests, who may do anything. */
const STRANGER = { user: 'stranger', pass: 'stranger' }

describe.skipIf(missing.length > 0)(
  `strangers on the bus${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-strangers-'))
    const programs = new Map<string, Daemon>()
    const connections: NatsConnection[] = []
    let nats: NatsServer
    let redis: Server
    let gateway: string
    const file = (...path: string[]) => join(folder, ...path)
    const secret = (...path: string[]) => readFileSync(file(...path), 'utf8')

    const config = (service: string) => (own: string) => {
      writeFileSync(join(own, 'domains.txt'), 'x.test\n')
      return `
domains = "domains.txt"
ttl = "1h"
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
nextHop = "192.0.2.9"
peers = []
[never]
allow = ["198.51.100.0/24"]
[bus]
servers = ["nats://${nats.url}"]
user = "${service}"
passwordFile = "${file(service, 'nats-password')}"
[store]
redis = "${redis.host}:${redis.port}"
user = "dnstap-bgp"
passwordFile = "${file('cache', 'redis-password')}"
[syncer]
listen = "${gateway}"
allow = ["127.0.0.1"]
[admin]
listen = "./admin.sock"
`
    }
    const program = (service: string): Daemon => {
      const found = programs.get(service)
      if (found === undefined) throw new Error(`${service} was not started`)
      return found
    }
    const admin = (service: string) => join(program(service).folder, 'admin.sock')
    const logs = () => [...programs].map(([name, daemon]) => `── ${name}\n${daemon.log().slice(-1500)}`).join('\n')
    const connected = async (user: { user: string; pass: string }) => {
      const nc = await connect({ servers: nats.url, ...user })
      connections.push(nc)
      return nc
    }

    /** A lookup of a name that was not looked up before; its route is in the announcer's table in the end. */
    let lookups = 0
    const lookUp = async () => {
      const address = `198.51.100.${++lookups}`
      const response = dnsResponse({
        qname: `h${lookups}.x.test`,
        answers: [{ owner: `h${lookups}.x.test`, type: 'A', value: address }],
      })
      await tell(join(program('dnstap-ingest').folder, 'tap.sock'), [dnstapFrame({ response })])
      await waitForRoute(`${address}/32`)
    }
    const waitForRoute = (prefix: string) =>
      waitFor(
        async () => {
          const rows = await adminJson<{ prefix: string }[]>(admin('bgp-announcer'), '/api/routes')
          return rows.some((row) => row.prefix === prefix)
        },
        { what: () => `${prefix} at the announcer;\n${logs()}`, timeoutMs: 60_000 },
      )

    beforeAll(async () => {
      expect(await runToEnd('cli', ['credentials', folder])).toMatchObject({ code: 0 })
      gateway = `127.0.0.1:${await freePort('127.0.0.1')}`
      const authorization = secret('nats', 'authorization.conf')
      const stranger = `users: [ { user: "${STRANGER.user}", password: "${STRANGER.pass}" }`
      ;[nats, redis] = await Promise.all([
        startNats({ extra: authorization.replace('users: [', stranger) }),
        startRedis({ password: 'nobody-uses-it', extra: `aclfile "${file('redis', 'users.acl')}"` }),
      ])
      await Promise.all(SERVICES.map(async (app) => programs.set(app, await startProgram({ app, config: config(app) }))))
    }, 120_000)

    afterAll(async () => {
      await Promise.all(connections.map((nc) => nc.close()))
      await Promise.all([...programs.values()].map((daemon) => daemon.remove()))
      await Promise.all([nats?.remove(), redis?.remove()])
      rmSync(folder, { recursive: true, force: true })
    }, 60_000)

    test('credentials are made once, and kept when they are made again', async () => {
      const before = SERVICES.map((service) => secret(service, 'nats-password'))
      expect(new Set(before).size).toBe(SERVICES.length)
      const { code, output } = await runToEnd('cli', ['credentials', folder])
      expect({ code, output }).toEqual({ code: 0, output: `${folder}: 0 made, 6 kept\n` })
      expect(SERVICES.map((service) => secret(service, 'nats-password'))).toEqual(before)
      expect(statSync(file('cache', 'redis-password')).mode & 0o777).toBe(0o440)
      expect(statSync(file('cache')).mode & 0o777).toBe(0o750)
    })

    test('each service does its work with its own user', async () => {
      await lookUp()
      const entry = { IP: '198.51.100.200', Domain: 'www.x.test', TS: new Date().toISOString() }
      expect(await askAdmin(gateway, 'POST', '/put', entry)).toMatchObject({ status: 200 })
      await waitForRoute('198.51.100.200/32')
      expect((await askAdmin(gateway, 'GET', '/fetch')).text).toContain('"IP":"198.51.100.1"')
      for (const service of SERVICES)
        expect(await adminJson(admin(service), '/api/explain?subject=198.51.100.1'), service).toMatchObject({
          routed: true,
          announced: [{ prefix: '198.51.100.1/32' }],
        })
      for (const service of SERVICES) expect(program(service).log()).not.toContain('does not let this user')
    })

    test('a program that strangers reach may not forget, and says why; a cache and an announcer may', async () => {
      await lookUp()
      const body = { subject: `198.51.100.${lookups}` }
      for (const service of ['sync-gateway', 'dnstap-ingest']) {
        const { status, text } = await askAdmin(admin(service), 'POST', '/api/forget', body)
        expect({ status, text }).toEqual({
          status: 503,
          text: expect.stringContaining('nats-server does not let this user publish to dnstap-bgp.v1.admin.forget') as string,
        })
      }
      expect(await askAdmin(admin('bgp-announcer'), 'POST', '/api/forget', body)).toMatchObject({ status: 200 })
    })

    test.each(SERVICES)(
      '%s cannot publish what another service says, hear what it need not, or change the queue',
      async (service) => {
        const row = WHO_SAYS_WHAT[service]
        const may = new Set([...row.publishes, ...row.enqueues, ...row.asks].map(({ name }) => name))
        const forged = [...decodersOnBus().keys()].filter((name) => !name.endsWith('(answer)') && !may.has(name))
        forged.push(`$JS.API.STREAM.DELETE.${STREAM}`, '$JS.API.STREAM.CREATE.another', '_INBOX.nobody.x.q.1')
        if (service !== 'cache') {
          forged.push(`$JS.API.STREAM.UPDATE.${STREAM}`, `$JS.API.CONSUMER.DURABLE.CREATE.${STREAM}.consumers`)
          forged.push(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.consumers`, `$JS.API.CONSUMER.DELETE.${STREAM}.consumers`)
        }
        const nc = await connected({ user: service, pass: secret(service, 'nats-password') })
        const refused: string[] = []
        void (async () => {
          for await (const { permissionContext: context } of nc.status())
            if (context !== undefined) refused.push(`${context.operation} ${context.subject}`)
        })()
        for (const name of forged) nc.publish(name, 'forged')
        const unheard = ['dnstap-bgp.>', '_INBOX.>', '>', ...(service === 'bgp-announcer' ? [] : ['_INBOX.bgp-announcer.>'])]
        for (const subject of unheard) nc.subscribe(subject, { callback: () => {} })
        await nc.flush()
        const expected = [...forged.map((name) => `publish ${name}`), ...unheard.map((name) => `subscription ${name}`)].sort()
        await waitFor(() => refused.length >= expected.length, { what: () => `${refused.join()} to be ${expected.join()}` })
        expect(refused.sort()).toEqual(expected)
      },
    )

    test('no client is let in without a password', async () => {
      await expect(connect({ servers: nats.url })).rejects.toThrow(/Authorization Violation/)
      await expect(connect({ servers: nats.url, user: 'cache', pass: 'guessed' })).rejects.toThrow(/Authorization Violation/)
    })

    test('no message on the bus ends a process, and every bad one is counted by its subject', async () => {
      const pids = SERVICES.map((service) => program(service).pid)
      const nc = await connected(STRANGER)
      const names = [...decodersOnBus().keys()].filter((name) => !name.endsWith('(answer)'))
      let questions = 0
      for (const name of names)
        for (const payload of [...hostilePayloads(), ...odd(name)])
          nc.publish(name, payload, { reply: `_INBOX.stranger.${questions++}` })
      await nc.flush()
      await lookUp()
      for (const service of SERVICES) {
        const text = (await askAdmin(admin(service), 'GET', '/metrics')).text
        for (const { name } of [...WHO_SAYS_WHAT[service].subscribes, ...WHO_SAYS_WHAT[service].consumes]) {
          // An announcer without a peer that confirms does not listen to it.
          if (service === 'bgp-announcer' && name.endsWith('.await-routes')) continue
          expect(text, `${service}, ${name}`).toMatch(
            new RegExp(`bus_undecodable_total\\{name="${name.replaceAll('.', '\\.')}"\\} [1-9]`),
          )
        }
      }
      expect(SERVICES.map((service) => program(service).pid)).toEqual(pids)
      expect(SERVICES.filter((service) => !program(service).running)).toEqual([])
    })

    test('a server of calls that answers with nonsense does not end a process that asks', async () => {
      const nc = await connected(STRANGER)
      const served = WHO_SAYS_WHAT.cache.serves.flatMap(({ name }) =>
        nonsense().map((answer) =>
          nc.subscribe(name, { queue: 'servers', callback: (_error, question) => void question.respond(answer) }),
        ),
      )
      await nc.flush()
      nc.publish(HEAD.name, HEAD.encode({ epoch: 'another life', revision: 3 })) // the announcer asks for a snapshot
      for (let asked = 0; asked < 20; asked++)
        for (const service of SERVICES) await askAdmin(admin(service), 'GET', '/api/explain?subject=h1.x.test')
      expect((await askAdmin(gateway, 'GET', '/fetch')).status).toBeGreaterThan(0)
      for (const subscription of served) await subscription.drain()
      await lookUp()
      expect(SERVICES.filter((service) => !program(service).running)).toEqual([])
    })
  },
)

/** Bytes that are no message, most of them. */
function hostilePayloads(): Uint8Array[] {
  const texts = ['', 'null', '{}', '[]', '""', '0', '{"subject":1,"holdDownMs":"x"}', 'x'.repeat(10_000)]
  let seed = 1
  const next = () => (seed = (seed * 48_271) % 2_147_483_647) % 256
  const random = Array.from({ length: 200 }, (_, i) => Uint8Array.from({ length: i }, next))
  return [
    ...texts.map((text) => new TextEncoder().encode(text)),
    ...random,
    Uint8Array.of(0x80),
    Uint8Array.of(0x12, 0xff, 0xff, 0x7f),
  ]
}

/** Messages that are right and strange. */
function odd(name: string): Uint8Array[] {
  const resolution = {
    list: 'default',
    name: 'x.test',
    rule: '',
    address: '198.51.100.99',
    ttlSeconds: 0,
    source: { kind: 'list' as const },
    chain: [],
  }
  const times = [-8.64e15, 8.64e15, 0, Number.MIN_VALUE]
  switch (name) {
    case RESOLUTIONS.name:
      return [
        RESOLUTIONS.encode([]),
        ...times.map((seenAtMs) => RESOLUTIONS.encode([{ ...resolution, seenAtMs }])),
        ...['__proto__', '*', 'a..b', '.', '\\', '\\300', `${'x'.repeat(300)}.x.test`, '💥.x.test', '..x.test'].map((strange) =>
          RESOLUTIONS.encode([{ ...resolution, seenAtMs: Date.now(), list: strange, name: strange, chain: [strange] }]),
        ),
      ]
    case HEAD.name:
      return [HEAD.encode({ epoch: '__proto__', revision: Number.MAX_SAFE_INTEGER })]
    case RESOLVERS.name:
      return [RESOLVERS.encode([]), RESOLVERS.encode(['::', '0.0.0.0', '255.255.255.255', '::ffff:192.0.2.1'])]
    case EXPLAIN_REQUEST.name:
      return [EXPLAIN_REQUEST.encode({ id: 'x'.repeat(128), subject: '\\', prefixes: Array(4096).fill('0.0.0.0/0') as string[] })]
    default:
      return []
  }
}

/** Answers that are none: no header, a number out of turn, parts of all kinds of octets. */
function nonsense(): Uint8Array[] {
  const part = (...octets: number[]) => Uint8Array.of(1, 0, 0, 0, 0, ...octets)
  return [
    new Uint8Array(),
    Uint8Array.of(255),
    Uint8Array.of(1, 0, 0, 0, 9),
    part(),
    part(0xff),
    part(0x12, 2, 0x7b, 0x7d),
    part(8, 99),
  ]
}
