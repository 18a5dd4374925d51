import { execFile, spawn, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DnstapDecoder, messageTypeName } from '@dnstap-bgp/dnstap'
import { nameToText, ResponseReader } from '@dnstap-bgp/dns-wire'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import {
  Daemon,
  dig,
  freePort,
  loopbackAddress,
  makeCertificates,
  startAuthority,
  startUnbound,
  waitFor,
  type Authority,
  type Resolver,
} from '@dnstap-bgp/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ListenAddress } from '@dnstap-bgp/net'
import { startDnstapServer, type DnstapServer, type DnstapServerOptions } from '../src/index.ts'
import { optionsFor } from '../testing/options.ts'

const has = (command: string) => ['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((folder) => existsSync(join(folder, command)))
const hasUnbound = has('unbound') && has('knotd') && has('dig')

const receiver = fileURLToPath(new URL('receiver.ts', import.meta.url))
const fixtures = fileURLToPath(new URL('../../dnstap/fixtures/', import.meta.url))

let folder: string
const cleanups: (() => unknown)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-senders-'))
  chmodSync(folder, 0o755)
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  rmSync(folder, { recursive: true, force: true })
})

interface Heard {
  server: DnstapServer
  /** "TYPE qname" of each frame with a response. */
  responses: string[]
  identities: Set<string>
}

async function listen(address: ListenAddress, options: Partial<DnstapServerOptions> = {}): Promise<Heard> {
  const decoder = new DnstapDecoder()
  const response = new ResponseReader()
  const responses: string[] = []
  const identities = new Set<string>()
  const server = await startDnstapServer(
    { ...optionsFor(address), mode: 0o666, ...options },
    {
      clock: systemClock,
      log: silentLog,
      handler: {
        onFrame(_connection, bytes, start, end) {
          expect(decoder.decode(bytes, start, end)).toBe(0)
          identities.add(Buffer.from(bytes.subarray(decoder.identityStart, decoder.identityEnd)).toString())
          if (response.read(bytes, decoder.responseMessageStart, decoder.responseMessageEnd) === 0)
            responses.push(
              `${messageTypeName(decoder.messageType)} ${nameToText(response.chainBytes(0), response.chainOffset(0))}`,
            )
        },
      },
    },
  )
  cleanups.push(() => server.close())
  return { server, responses, identities }
}

describe.skipIf(!has('fstrm_replay'))('fstrm_replay (libfstrm), if installed', () => {
  const run = promisify(execFile)
  const file = join(fixtures, 'unbound.fstrm')

  test('by UNIX socket: every frame of a capture comes, and it ends by STOP and FINISH', async () => {
    const path = join(folder, 'dnstap.sock')
    const { server } = await listen({ kind: 'unix', path })
    await run('fstrm_replay', ['-t', 'protobuf:dnstap.Dnstap', '-r', file, '-u', path])
    await waitFor(() => server.counters.connectionsOpen === 0)
    expect(server.counters).toMatchObject({ frames: 2005, closed: { finished: 1 } })
  })

  test('by TCP', async () => {
    const { server } = await listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
    const [address] = server.addresses
    const port = address?.kind === 'tcp' ? String(address.port) : ''
    await run('fstrm_replay', ['-t', 'protobuf:dnstap.Dnstap', '-r', file, '-a', '127.0.0.1', '-p', port])
    await waitFor(() => server.counters.connectionsOpen === 0)
    expect(server.counters).toMatchObject({ frames: 2005, closed: { finished: 1 } })
  })
})

describe.skipIf(!has('named') || !has('dig'))('BIND (libfstrm), if it and dig are installed', () => {
  test('its answers arrive; it finds us again after our restart; it stops in order', { timeout: 90_000 }, async () => {
    const path = join(folder, 'dnstap.sock')
    const first = await listen({ kind: 'unix', path })
    const address = '127.0.0.1' // named listens on addresses of interfaces alone
    const server = { address, port: await freePort(address) }
    const named = await startBind(server.address, server.port, path)
    const asked = (heard: Heard, name: string) => async () => {
      await dig(server, name)
      return heard.responses.some((line) => line.endsWith(` ${name}`))
    }
    await waitFor(asked(first, 'first.example.org'), { what: 'a frame of BIND', intervalMs: 200 })
    expect([...first.identities]).toEqual(['test-bind'])
    await first.server.close()
    expect(await dig(server, 'between.example.org')).toEqual(['192.0.2.1'])
    const second = await listen({ kind: 'unix', path })
    await waitFor(asked(second, 'second.example.org'), { what: 'BIND to come back', intervalMs: 200, timeoutMs: 40_000 })
    await named.stop()
    await waitFor(() => second.server.counters.connectionsOpen === 0)
    expect(second.server.counters.closed.finished).toBe(1)
  })

  test('answers its clients while we are frozen, and its frames flow again when we go on', { timeout: 90_000 }, async () => {
    const path = join(folder, 'dnstap.sock')
    const receiving = startReceiver('node', ['--import', 'tsx', receiver, path])
    await waitFor(() => receiving.output.includes('listening'))
    const address = '127.0.0.1' // named listens on addresses of interfaces alone
    const server = { address, port: await freePort(address) }
    await startBind(server.address, server.port, path)
    const asked = (name: string) => async () => {
      await dig(server, name)
      return receiving.output.includes(`${name} 1`)
    }
    await waitFor(asked('before.example.org'), { intervalMs: 200 })
    receiving.child.kill('SIGSTOP')
    for (let i = 0; i < 100; i++) expect(await dig(server, `n${i}.example.org`)).toEqual(['192.0.2.1'])
    receiving.child.kill('SIGCONT')
    await waitFor(asked('after.example.org'), { intervalMs: 200 })
  })
})

describe.skipIf(!hasUnbound)('Unbound, if it, knotd and dig are installed', () => {
  let authority: Authority
  beforeAll(async () => {
    const names = Array.from({ length: 400 }, (_, i) => `n${i} A 192.0.2.${i % 250}`)
    authority = await startAuthority({ 'example.org': ['www A 192.0.2.1', 'alias CNAME www', ...names].join('\n') })
  })
  afterAll(() => authority.remove())

  async function startResolver(dnstap: string, bidirectional = true): Promise<Resolver> {
    const resolver = await startUnbound({ dnstap, zones: ['example.org'], authority, bidirectional })
    cleanups.push(() => resolver.remove())
    return resolver
  }

  test.each([
    ['a UNIX socket, bidirectional', 'unix', true],
    ['a UNIX socket, unidirectional', 'unix', false],
    ['TCP, bidirectional', 'tcp', true],
    ['TCP, unidirectional', 'tcp', false],
  ] as const)('by %s: its answers arrive, and it stops in order', async (_name, kind, bidirectional) => {
    const path = join(folder, 'dnstap.sock')
    const heard = await listen(kind === 'unix' ? { kind, path } : { kind, host: '127.0.0.1', port: 0 })
    const [address] = heard.server.addresses
    const resolver = await startResolver(address?.kind === 'tcp' ? `127.0.0.1:${address.port}` : path, bidirectional)
    expect(await resolver.lookup('alias.example.org')).toContain('192.0.2.1')
    await waitFor(() => heard.responses.includes('CLIENT_RESPONSE alias.example.org'), { what: 'the frame' })
    expect([...heard.identities]).toContain('test-unbound')
    await resolver.daemon.stop()
    await waitFor(() => heard.server.counters.connectionsOpen === 0, { what: 'the end of the connection' })
    expect(heard.server.counters.closed.finished + heard.server.counters.closed['ended-without-stop']).toBeGreaterThan(0)
    const { closed } = heard.server.counters
    expect(closed['connection-error'] + closed['ended-in-frame'] + closed['handshake-timeout']).toBe(0)
  })

  test('by TLS with a client certificate', async () => {
    const certificates = makeCertificates()
    const pem = (file: string) => readFileSync(file, 'utf8')
    const { server: own, client, caFile } = certificates
    const tls = { cert: pem(own.certFile), key: pem(own.keyFile), clientCa: pem(caFile) }
    const heard = await listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }, { tls })
    const [to] = heard.server.addresses
    const address = loopbackAddress()
    const resolver = await startPlainUnbound(address, await freePort(address), [
      `dnstap-ip: "127.0.0.1@${to?.kind === 'tcp' ? to.port : 0}"`,
      'dnstap-tls: yes',
      'dnstap-tls-server-name: "localhost"',
      `dnstap-tls-cert-bundle: "${caFile}"`,
      `dnstap-tls-client-key-file: "${client.keyFile}"`,
      `dnstap-tls-client-cert-file: "${client.certFile}"`,
    ])
    await dig(resolver, 'answer.test')
    await waitFor(() => heard.responses.includes('CLIENT_RESPONSE answer.test'), { what: 'the frame' })
    expect(heard.server.counters.closed['tls-error']).toBe(0)
  })

  test('that starts before us finds us, and finds us again after our restart', async () => {
    const path = join(folder, 'dnstap.sock')
    const resolver = await startResolver(path)
    await resolver.lookup('www.example.org')
    const first = await listen({ kind: 'unix', path })
    await waitFor(async () => {
      await resolver.lookup('www.example.org')
      return first.responses.length > 0
    })
    await first.server.close()
    expect(await resolver.lookup('n1.example.org')).toEqual(['192.0.2.1'])
    const second = await listen({ kind: 'unix', path })
    await waitFor(async () => {
      await resolver.lookup('n2.example.org')
      return second.responses.includes('CLIENT_RESPONSE n2.example.org')
    })
  })

  test('answers its clients while we are frozen, and its frames flow again when we go on', async () => {
    const path = join(folder, 'dnstap.sock')
    const process_ = startReceiver('node', ['--import', 'tsx', receiver, path])
    await waitFor(() => process_.output.includes('listening'))
    const resolver = await startResolver(path)
    await resolver.lookup('www.example.org')
    await waitFor(() => process_.output.includes('www.example.org 1'))
    process_.child.kill('SIGSTOP')
    for (let i = 0; i < 300; i++) expect(await resolver.lookup(`n${i}.example.org`)).toHaveLength(1)
    process_.child.kill('SIGCONT')
    await waitFor(async () => {
      await resolver.lookup('n399.example.org')
      return process_.output.includes('n399.example.org 1')
    })
    // Unbound keeps what the socket and its own buffer hold; 300 answers fit.
    await waitFor(() => process_.output.includes('n299.example.org 1'))
  })

  test.skipIf(!has('systemd-socket-activate'))(
    'loses nothing while we restart behind a socket of systemd, if systemd-socket-activate is installed',
    async () => {
      const path = join(folder, 'dnstap.sock')
      // The shell between keeps the socket open, as systemd would, and starts a second receiver when the first one is gone.
      const once = `sh -c 'LISTEN_PID=$$ exec node --import tsx ${receiver}'`
      const service = startReceiver('systemd-socket-activate', ['-l', path, 'sh', '-c', `${once}; ${once}`])
      await waitFor(() => existsSync(path) && statSync(path).isSocket())
      const resolver = await startResolver(path)
      await waitFor(() => service.output.includes('listening'))
      await resolver.lookup('www.example.org')
      await waitFor(() => service.output.includes('www.example.org 1'))

      process.kill(Number(/listening (\d+)/.exec(service.output)![1]), 'SIGTERM')
      for (let i = 0; i < 60; i++) await resolver.lookup(`n${i}.example.org`)
      await waitFor(() => service.output.match(/listening/g)?.length === 2)
      const missing = () =>
        Array.from({ length: 60 }, (_, i) => i).filter((i) => !service.output.includes(`\nn${i}.example.org 1`))
      await waitFor(() => missing().length === 0, { what: () => `the answers for ${missing().join()}` })

      process.kill(Number([...service.output.matchAll(/listening (\d+)/g)].at(-1)![1]), 'SIGTERM')
      await waitFor(() => service.child.exitCode !== null)
      expect(statSync(path).isSocket()).toBe(true) // not ours to remove
    },
  )
})

/** An Unbound that knows one answer and has these lines in its `dnstap:` clause. */
async function startPlainUnbound(address: string, port: number, lines: string[]): Promise<{ address: string; port: number }> {
  const daemon = await Daemon.start({
    name: 'unbound',
    prepare(into) {
      writeFileSync(
        join(into, 'unbound.conf'),
        `server:
  directory: "${into}"
  pidfile: ""
  chroot: ""
  username: ""
  interface: ${address}
  port: ${port}
  use-syslog: no
  local-zone: "test." static
  local-data: "answer.test. A 192.0.2.1"
remote-control:
  control-enable: no
dnstap:
  dnstap-enable: yes
  dnstap-log-client-response-messages: yes
${lines.map((line) => `  ${line}`).join('\n')}
`,
      )
      return { command: 'unbound', args: ['-d', '-p', '-c', join(into, 'unbound.conf')] }
    },
    ready: async () => (await dig({ address, port }, 'answer.test')).length === 1,
  })
  cleanups.push(() => daemon.remove())
  return { address, port }
}

test('a socket of systemd is known by another path to it too, and is missed when it is gone', async () => {
  mkdirSync(join(folder, 'run'))
  symlinkSync(join(folder, 'run'), join(folder, 'var-run'))
  const path = join(folder, 'run', 'dnstap.sock')
  const systemd = createServer()
  await new Promise<void>((resolve) => systemd.listen(path, resolve))
  cleanups.push(() => systemd.close())
  const { fd } = (systemd as unknown as { _handle: { fd: number } })._handle
  const command = `LISTEN_PID=$$ LISTEN_FDS=1 exec "${process.execPath}" --import tsx "${receiver}" "${join(folder, 'var-run', 'dnstap.sock')}"`
  const process_ = startReceiver('sh', ['-c', command], [fd])
  await waitFor(() => process_.output.includes('listening'))
  expect(process_.output.trim().split(' ').slice(2)).toEqual([path])
  rmSync(path)
  await waitFor(() => process_.output.includes('trouble'))
  expect(process_.output).toContain(`${path} is not in its place: restart the systemd unit that made it.`)
})

test('sockets of systemd that have no file in our view, by an abstract name or elsewhere, are never missed', async () => {
  const path = (name: string) => join(folder, `${name}.sock`)
  const fds: number[] = []
  for (const name of [`\0${path('abstract')}`, path('elsewhere'), path('here')]) {
    const systemd = createServer()
    await new Promise<void>((resolve) => systemd.listen(name, resolve))
    cleanups.push(() => systemd.close())
    fds.push((systemd as unknown as { _handle: { fd: number } })._handle.fd)
  }
  renameSync(path('elsewhere'), path('moved'))
  const command = `LISTEN_PID=$$ LISTEN_FDS=3 exec "${process.execPath}" --import tsx "${receiver}"`
  const process_ = startReceiver('sh', ['-c', command], fds)
  await waitFor(() => process_.output.includes('listening'))
  rmSync(path('here'))
  await waitFor(() => process_.output.includes('trouble'))
  expect(process_.output.match(/trouble .*/g)).toEqual([
    `trouble The socket ${path('here')} is not in its place: restart the systemd unit that made it.`,
  ])
})

/** A BIND that forwards nothing, knows one zone and reports client answers to a UNIX socket. */
async function startBind(address: string, port: number, path: string): Promise<Daemon> {
  const daemon = await Daemon.start({
    name: 'named',
    prepare(into) {
      writeFileSync(join(into, 'zone'), '$TTL 60\n@ SOA ns a 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n* A 192.0.2.1\n')
      writeFileSync(
        join(into, 'named.conf'),
        `options {
  directory "${into}";
  pid-file none;
  session-keyfile "${into}/session.key";
  managed-keys-directory "${into}";
  listen-on port ${port} { ${address}; };
  listen-on-v6 { none; };
  recursion yes;
  allow-query { any; };
  dnssec-validation no;
  dnstap { client response; };
  dnstap-output unix "${path}";
  dnstap-identity "test-bind";
};
controls { };
zone "example.org" { type primary; file "${into}/zone"; };
`,
      )
      return { command: 'named', args: ['-g', '-c', join(into, 'named.conf'), '-n', '1'] }
    },
    ready: async () => (await dig({ address, port }, 'ready.example.org')).length === 1,
  })
  cleanups.push(() => daemon.remove())
  return daemon
}

/** `fd`: a descriptor of ours that it has as its descriptor 3. */
function startReceiver(command: string, args: string[], fds: readonly number[] = []): { child: ChildProcess; output: string } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe', ...fds], detached: true })
  const started = { child, output: '' }
  child.stdout?.on('data', (bytes: Buffer) => (started.output += bytes.toString()))
  child.stderr?.on('data', (bytes: Buffer) => (started.output += bytes.toString()))
  cleanups.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    process.kill(-child.pid!, 'SIGKILL') // its own process group: the shell and the receiver under it as well
    await new Promise((resolve) => child.once('exit', resolve))
  })
  return started
}
