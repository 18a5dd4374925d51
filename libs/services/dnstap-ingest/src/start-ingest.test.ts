import { AdminHandlers } from '@dnstap-bgp/admin-api'
import { LocalBus } from '@dnstap-bgp/bus'
import { parseConfig, type ConfigWith } from '@dnstap-bgp/config'
import type { ListenAddress } from '@dnstap-bgp/net'
import { PolicySource } from '@dnstap-bgp/policy'
import { silentLog } from '@dnstap-bgp/runtime'
import { Health, Metrics } from '@dnstap-bgp/telemetry'
import { dnsResponse, dnstapFrame, FakeClock, makeCertificates, waitFor } from '@dnstap-bgp/testkit'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { encodeData } from '@dnstap-bgp/frame-streams'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Sender } from '../../../dns/dnstap-server/testing/sender.ts'
import type { NameMatcher } from './ingest.ts'
import type { ExactNames } from './keep-warm.ts'
import { startDnstapIngest } from './start-ingest.ts'

let folder: string
const open: { close(): unknown }[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-ingest-'))
})
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
  rmSync(folder, { recursive: true, force: true })
})

async function start(dnstap = 'listen = "./dnstap.sock"') {
  const clock = new FakeClock()
  const bus = new LocalBus({ pause: () => new Promise((resolve) => setImmediate(resolve)) })
  const health = new Health({ clock, log: silentLog })
  const metrics = new Metrics({ process: false })
  const handlers = new AdminHandlers()
  const errors: string[] = []
  const parse = (table: string) =>
    parseConfig(`domains = "/nowhere"\n[dnstap]\n${table}`, join(folder, 'test.toml'), {}) as ConfigWith<'dnstap'>
  /** Names whose first label is `listed` are on the list. */
  const listed = Buffer.from('\x06listed')
  const matcher: NameMatcher & ExactNames = {
    exactNames: () => [],
    match: (bytes, offset) => (listed.equals(bytes.subarray(offset, offset + listed.length)) ? 0 : -1),
    verdict: () => [{ list: 'default', rule: 'all' }],
  }
  const policies = new PolicySource(parse(dnstap), { matcher, version: Symbol('lists') })
  const running = await startDnstapIngest(parse(dnstap), {
    bus,
    clock,
    policies,
    log: { ...silentLog, error: (_fields, sentence) => errors.push(sentence) },
    metrics,
    health,
    handlers,
  })
  open.push(running)
  const connect = (to = (address: ListenAddress) => Sender.to(address)) => {
    const one = to(running.addresses[0])
    open.push({ close: () => one.socket.destroy() })
    return one
  }
  return {
    clock,
    running,
    connect,
    errors,
    reload: (table: string, lists = policies.current.lists) => policies.next(parse(table), lists),
    otherLists: { matcher: { ...matcher }, version: Symbol('lists') },
    state: (name: string) => health.report().components.find((one) => one.name === name),
    value: async (name: string) => new RegExp(`^dnstap_bgp_${name} (.*)$`, 'm').exec(await metrics.text())?.[1],
    senders: () => handlers.call('GET', '/api/senders', { query: {}, body: undefined }),
  }
}

test('health shows that no sender has been connected for a minute, and when one is back', async () => {
  const { clock, connect, state, running } = await start()
  clock.advance(59_000)
  expect(state('dnstap')).toMatchObject({ state: 'ok' })
  clock.advance(1000)
  expect(state('dnstap')).toMatchObject({ state: 'degraded', why: expect.stringContaining('No dnstap sender is connected') })
  const one = await connect().begin()
  one.socket.write(encodeData(dnstapFrame({ response: new Uint8Array(0) })))
  await waitFor(() => running.service.counters.frames === 1)
  clock.advance(1000)
  expect(state('dnstap')).toMatchObject({ state: 'ok' })
  expect(state('ingest-outbox')).toMatchObject({ state: 'ok' })
})

test('health says when the socket cannot be reached any more', async () => {
  const { clock, state } = await start()
  rmSync(join(folder, 'dnstap.sock'))
  writeFileSync(join(folder, 'dnstap.sock'), 'something else')
  clock.advance(1000)
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(1000)
  expect(state('dnstap')).toMatchObject({ state: 'degraded', why: expect.stringContaining('a file that is no socket is there') })
})

test('connections, frames and who sent them are in the metrics and in GET /api/senders', async () => {
  const { connect, value, senders, running } = await start()
  const one = await connect().begin()
  const response = dnsResponse({ qname: 'x.org', answers: [{ owner: 'x.org', type: 'A', value: '192.0.2.1' }] })
  one.socket.write(encodeData(dnstapFrame({ response, identity: 'ns1', version: 'v1' })))
  await waitFor(() => running.service.counters.unmatched === 1)
  expect(await value('dnstap_connections')).toBe('1')
  expect(await value('dnstap_connections_accepted_total')).toBe('1')
  expect(Number(await value('dnstap_bytes_total'))).toBeGreaterThan(100)
  expect(Number(await value('dnstap_reads_total'))).toBeGreaterThanOrEqual(2)
  expect(await value('ingest_sender_frames_total{identity="ns1"}')).toBe('1')
  expect(senders()).toMatchObject({
    connections: [{ identity: 'ns1', version: 'v1', frames: 1, state: 'streaming', clockBehindSeconds: null }],
    identities: [{ identity: 'ns1', version: 'v1', frames: 1 }],
  })
  one.socket.end()
  await waitFor(async () => (await value('dnstap_connections')) === '0')
  expect(await value('dnstap_connections_closed_total{reason="ended-without-stop"}')).toBe('1')
})

test('a reload changes who may talk to a TCP listener, at once', async () => {
  const table = (allow: string) => `listen = "127.0.0.1:0"\nallow = [${allow}]`
  const { connect, reload, value } = await start(table('"127.0.0.0/8"'))
  const one = await connect().begin()
  reload(table('"192.0.2.0/24", "::1"'))
  await one.ended()
  await connect().ended()
  expect(await value('dnstap_connections_closed_total{reason="not-allowed"}')).toBe('2')
  reload(table(''))
  await connect().begin()
})

test('a reload takes a new certificate over, and keeps the last good one when the new one cannot be used', async () => {
  const { server, stranger, caFile } = makeCertificates()
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const install = (files: { certFile: string; keyFile: string }) => {
    copyFileSync(files.certFile, cert)
    copyFileSync(files.keyFile, key)
  }
  install(server)
  const table = 'listen = "127.0.0.1:0"\n[dnstap.tls]\ncert = "cert.pem"\nkey = "key.pem"'
  const { connect, reload, errors } = await start(table)
  const shown = async () => {
    const one = await connect((address) => Sender.toTls(address, { rejectUnauthorized: false, ca: caFile })).begin()
    return (one.socket as TLSSocket).getPeerCertificate().fingerprint256
  }
  const first = await shown()
  writeFileSync(cert, 'no certificate')
  reload(table)
  expect(errors).toEqual([expect.stringContaining('The certificate read before stays.')])
  expect(await shown()).toBe(first)
  install(stranger)
  reload(table)
  expect(await shown()).not.toBe(first)
  expect(errors).toHaveLength(1)
})

test('after a reload that changes nothing of what is routed a repeat stays a repeat; after another list, or lifetime, it is news', async () => {
  const table = 'listen = "./dnstap.sock"'
  const { running, reload, otherLists } = await start(table)
  const { counters, outbox } = running.service
  const response = dnsResponse({ qname: 'listed.org', answers: [{ owner: 'listed.org', type: 'A', value: '93.184.215.14' }] })
  const bytes = dnstapFrame({ response })
  const look = () => {
    running.service.frame({ origin: 'test' }, bytes, 0, bytes.length)
    return { repeats: counters.repeats, facts: outbox.counters.sentNews + outbox.waiting }
  }
  expect(look()).toEqual({ repeats: 0, facts: 1 })
  reload(table)
  reload(`${table}\ntypes = ["CLIENT_RESPONSE", "STUB_RESPONSE"]`)
  expect(look()).toEqual({ repeats: 1, facts: 1 })
  reload(table, otherLists)
  expect(look()).toEqual({ repeats: 1, facts: 2 })
  reload(`${table}\n[limits]\nroutes = 7`, otherLists)
  expect(look()).toEqual({ repeats: 1, facts: 3 })
})
