/**
 * https lists through a proxy that tunnels. Which authorities a process trusts is settled when it starts (NODE_EXTRA_CA_CERTS), so downloads run
 * in processes of their own.
 */
import { makeCertificates } from '@dnstap-bgp/testkit'
import type { CertificateFiles } from '@dnstap-bgp/testkit'
import { build } from 'esbuild'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server as TcpServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

const certificates = makeCertificates()
const folder = mkdtempSync(join(tmpdir(), 'list-proxy-'))
const program = join(folder, 'download.mjs')
/** What the proxy was asked for, the ports it called the list's server from, and those that server was called from. */
const targets: string[] = []
const credentials: (string | undefined)[] = []
const fromProxy = new Set<number>()
const callers: number[] = []
const servers: TcpServer[] = []
const connections = new Set<Socket>()
let proxy: string
let lists: Record<'localhost' | 'stranger', number>
/** Whom the proxy connects to, whatever it is asked for: no name in these tests resolves. */
let behind: number

beforeAll(async () => {
  await build({
    stdin: {
      contents: `import { receive } from './download.ts'
        const request = JSON.parse(process.argv[2])
        const { user, password } = request.proxyLogin
        request.proxyLogin = { user, password: { reveal: () => password } }
        console.log(JSON.stringify(await receive(request, new AbortController().signal)))`,
      resolveDir: join(import.meta.dirname, '../src'),
    },
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
  })
  lists = { localhost: await listServer(certificates.server), stranger: await listServer(certificates.stranger) }
  const tunnel = createServer((_request, response) => response.writeHead(500).end())
  tunnel.on('connect', (request: IncomingMessage, socket) => {
    targets.push(request.url ?? '')
    credentials.push(request.headers['proxy-authorization'])
    if (request.url === 'forbidden.example:443') return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const onward = connect(behind, '127.0.0.1', () => {
      fromProxy.add(onward.localPort ?? 0)
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
  })
  proxy = `http://127.0.0.1:${await portOf(tunnel)}`
})
beforeEach(() => {
  for (const each of [targets, credentials, callers]) each.length = 0
  fromProxy.clear()
})
afterAll(() => {
  for (const server of servers) server.close()
  for (const connection of connections) connection.destroy()
  rmSync(folder, { recursive: true, force: true })
})

function listServer({ certFile, keyFile }: CertificateFiles): Promise<number> {
  const server = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, ({ url }, response) => {
    if (url === '/list.txt') response.end('a.example\n')
    if (url === '/stops.txt') response.write('a.example\n')
  })
  server.on('connection', (socket) => callers.push((socket as Socket).remotePort ?? 0))
  return portOf(server)
}

async function portOf(server: TcpServer): Promise<number> {
  servers.push(server)
  server.on('connection', (socket) => connections.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function fetched(url: string, stallMs = 10_000): Promise<{ outcome: string; why?: string; text?: string }> {
  const proxyLogin = { user: 'me', password: 'pw' }
  const request = { url, proxy, proxyLogin, maxBytes: 1000, limits: { timeoutMs: 20_000, stallMs, redirects: 5 } }
  const environment = { ...process.env, NODE_EXTRA_CA_CERTS: certificates.caFile }
  const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(request)], { env: environment })
  const received = JSON.parse(stdout) as { outcome: string; why?: string; path?: string; discard?: string }
  if (received.path === undefined) return received
  const text = readFileSync(received.path, 'utf8')
  rmSync(received.discard ?? '', { recursive: true })
  return { ...received, text }
}

test('a list is fetched through the proxy, and nothing goes past it', async () => {
  behind = lists.stranger
  expect(await fetched('https://stranger.example.org/list.txt')).toMatchObject({ outcome: 'fetched', text: 'a.example\n' })
  expect(targets).toEqual(['stranger.example.org:443'])
  expect(callers).toHaveLength(1)
  expect(callers.filter((port) => !fromProxy.has(port))).toEqual([])
})

test('a list at an address is fetched when the certificate has that address', async () => {
  behind = lists.localhost
  expect(await fetched('https://127.0.0.1:8443/list.txt')).toMatchObject({ outcome: 'fetched' })
  expect(await fetched('https://[::1]/list.txt')).toMatchObject({ outcome: 'fetched' })
  expect(targets).toEqual(['127.0.0.1:8443', '[::1]:443'])
})

test.each([
  ['a name', 'stranger', 'https://lists.example.org/list.txt', /does not match certificate's altnames.*lists\.example\.org/],
  ['an address', 'stranger', 'https://192.0.2.1/list.txt', /IP: 192\.0\.2\.1 is not in the cert's list/],
  ['an address, though it is good for localhost,', 'localhost', 'https://192.0.2.1/list.txt', /IP: 192\.0\.2\.1 is not in/],
  ['an IPv6 address', 'localhost', 'https://[2001:db8::1]/list.txt', /IP: 2001:db8::1 is not in/],
] as const)('a certificate that is not for %s is refused behind a proxy too', async (_case, server, url, why) => {
  behind = lists[server]
  const received = await fetched(url)
  expect(received.outcome).toBe('failed')
  expect(received.why).toMatch(why)
})

test('the proxy is told who asks, and its refusal is a sentence', async () => {
  expect(await fetched('https://forbidden.example/list.txt')).toEqual({
    outcome: 'failed',
    why: 'the proxy answers 407 to CONNECT',
  })
  expect(credentials).toEqual([`Basic ${Buffer.from('me:pw').toString('base64')}`])
})

test.each([
  ['says nothing in TLS', '', true],
  ['never answers', 'never.txt', false],
  ['stops in the middle of the list', 'stops.txt', false],
] as const)('a server that %s is given up on behind a proxy too', async (_how, file, isMute) => {
  behind = isMute ? await portOf(createTcpServer(() => {})) : lists.stranger
  expect(await fetched(`https://stranger.example.org/${file}`, 1_000)).toEqual({
    outcome: 'failed',
    why: 'it says nothing for 1 s',
  })
})
