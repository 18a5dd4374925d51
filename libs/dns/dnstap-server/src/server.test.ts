import type { TLSSocket } from 'node:tls'
import { readFileSync } from 'node:fs'
import { connect, Socket, type AddressInfo } from 'node:net'
import { makeCertificates, waitFor } from '@dnstap-bgp/testkit'
import { ControlType, encodeControl } from '@dnstap-bgp/frame-streams'
import { describeListenAddress } from '@dnstap-bgp/net'
import { describe, expect, test, vi } from 'vitest'
import { ACCEPT, FINISH, READY, START, STOP, Sender } from '../testing/sender.ts'
import { clock, ends, frames, lines, LOOPBACK, open, path, sender, start } from '../testing/server-under-test.ts'
import type { DnstapServer } from './server.ts'

describe('senders', () => {
  test.each([
    ['a UNIX socket', undefined],
    ['TCP over IPv4', LOOPBACK],
    ['TCP over IPv6', { kind: 'tcp', host: '::1', port: 0 }],
  ] as const)('by %s shake hands, are heard, and get FINISH and the end of the connection for STOP', async (_name, address) => {
    const server = await start(address === undefined ? {} : { listen: [address] })
    const one = await sender(server.addresses[0]).begin()
    one.send('first', 'second')
    one.socket.write(STOP)
    await one.ended()
    expect(one.heard).toBe(ACCEPT + FINISH)
    expect(frames).toEqual(['first', 'second'])
    await waitFor(() => ends.length === 1)
    expect(ends).toEqual(['finished'])
    expect(server.counters).toMatchObject({ connectionsAccepted: 1, connectionsOpen: 0, frames: 2, closed: { finished: 1 } })
  })

  test('are known by address and port, or by socket and number', async () => {
    const server = await start({ listen: [{ kind: 'unix', path }, LOOPBACK] })
    const [unix, tcp] = server.addresses
    await sender(unix).begin()
    const second = await sender(tcp).begin()
    await waitFor(() => server.counters.connectionsOpen === 2)
    const port = (second.socket.address() as AddressInfo).port
    expect([...server.connections].map(({ origin, listener }) => [origin, listener])).toEqual([
      [`${path}#1`, path],
      [`127.0.0.1:${port}`, describeListenAddress(tcp!)],
    ])
  })

  test('may be many at once, and may be unidirectional', async () => {
    const server = await start()
    const many = Array.from({ length: 60 }, () => sender())
    for (const one of many) one.socket.write(Buffer.concat([START, Buffer.from('0000000161', 'hex')]))
    await waitFor(() => frames.length === 60)
    for (const one of many) one.socket.end(STOP)
    await waitFor(() => server.counters.closed.finished === 60)
    expect(many.every((one) => one.heard === '')).toBe(true)
  })

  test('that close without STOP are nothing strange; a frame cut by it is told apart', async () => {
    const server = await start()
    const clean = await sender().begin()
    clean.send('whole')
    clean.socket.end()
    const cut = await sender().begin()
    cut.socket.end(Buffer.from('0000000461', 'hex'))
    sender().socket.end(READY)
    await waitFor(() => server.counters.connectionsAccepted === 3 && server.counters.connectionsOpen === 0)
    expect(server.counters.closed).toMatchObject({ 'ended-without-stop': 1, 'ended-in-frame': 1, 'ended-before-start': 1 })
    expect(frames).toEqual(['whole'])
  })

  test('that do not close after FINISH are cut after a while', async () => {
    const server = await start()
    const stubborn = new Sender(connect({ path, allowHalfOpen: true }))
    open.push({ close: () => stubborn.socket.destroy() })
    await stubborn.begin()
    stubborn.socket.write(STOP)
    await waitFor(() => stubborn.heard === ACCEPT + FINISH)
    expect(server.counters.connectionsOpen).toBe(1)
    clock.advance(2000)
    await waitFor(() => server.counters.connectionsOpen === 0)
    expect(ends).toEqual(['finished'])
  })
})

describe('bad senders end their own connection alone', () => {
  test('another content type is not answered', async () => {
    await start()
    const good = await sender().begin()
    const bad = sender()
    bad.socket.write(encodeControl(ControlType.READY, ['protobuf:other']))
    await bad.ended()
    expect(bad.heard).toBe('')
    expect(ends).toEqual(['wrong-content-type'])
    good.send('still here')
    await waitFor(() => frames.length === 1)
  })

  test('a wild length ends it; the frames before count', async () => {
    const server = await start({ maxFrameLength: 100 })
    const bad = await sender().begin()
    bad.send('before')
    bad.socket.write(Buffer.from('00000065', 'hex'))
    await bad.ended()
    expect(frames).toEqual(['before'])
    expect(server.counters.closed['frame-too-long']).toBe(1)
    expect(lines.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({ fields: expect.objectContaining({ reason: 'frame-too-long', frames: 1, identity: 'test' }) }),
    ])
  })

  test('a sender that does not finish the handshake in time is dropped and delays nobody', async () => {
    const server = await start()
    const silent = sender()
    const half = sender()
    half.socket.write(READY)
    await waitFor(() => half.heard === ACCEPT && server.counters.connectionsOpen === 2)
    const good = await sender().begin()
    await waitFor(() => [...server.connections].some((connection) => connection.isStreaming))
    clock.advance(4999)
    expect(server.counters.connectionsOpen).toBe(3)
    clock.advance(1)
    await Promise.all([silent.ended(), half.ended()])
    expect(server.counters.closed['handshake-timeout']).toBe(2)
    clock.advance(3_600_000)
    good.send('still here')
    await waitFor(() => frames.length === 1)
  })

  const limits = { connections: 2, connectionsFromOne: 2, heldOctets: 1000 }

  test('there is a limit to connections at each listener, and one that closes makes room', async () => {
    const server = await start({ listen: [{ kind: 'unix', path }, LOOPBACK], limits })
    const first = await sender().begin()
    await sender().begin()
    await sender().ended()
    expect(server.counters.closed['too-many-connections']).toBe(1)
    await sender(server.addresses[1]).begin()
    first.socket.end(STOP)
    await waitFor(() => server.counters.connectionsOpen === 2)
    await sender().begin()
  })

  test('connections that begin no stream make room for others, the one that waited longest first', async () => {
    const server = await start({ listen: [{ kind: 'unix', path }, LOOPBACK], limits })
    for (const address of server.addresses) {
      const silent = [sender(address), sender(address)]
      await waitFor(() => [...server.connections].filter(({ isStreaming }) => !isStreaming).length === 2)
      const good = await sender(address).begin()
      await silent[0].ended()
      await sender(address).begin()
      await silent[1].ended()
      await sender(address).ended() // both stream: now the newest is refused
      good.socket.end(STOP)
    }
    expect(server.counters.closed['too-many-connections']).toBe(6)
  })

  test('one address has no more than its share of a TCP listener', async () => {
    const server = await start({ listen: [LOOPBACK], limits: { ...limits, connections: 10 } })
    const [tcp] = server.addresses
    const first = await sender(tcp).begin()
    await sender(tcp).begin()
    await sender(tcp).ended()
    expect(server.counters.closed['too-many-connections']).toBe(1)
    const other = new Sender(connect({ port: (tcp as { port: number }).port, host: '127.0.0.1', localAddress: '127.0.0.2' }))
    open.push({ close: () => other.socket.destroy() })
    await other.begin()
    first.socket.end(STOP)
    await waitFor(() => server.counters.connectionsOpen === 2)
    await sender(tcp).begin()
  })

  test('unfinished frames of all senders of a listener are bounded, and the sender that holds most is cut', async () => {
    const server = await start({ listen: [{ kind: 'unix', path }, LOOPBACK], limits: { ...limits, connections: 10 } })
    const good = await sender().begin()
    const other = await sender(server.addresses[1]).begin()
    const greedy = [await sender().begin(), await sender().begin()]
    const begin = (one: Sender, octets: number) =>
      one.socket.write(Buffer.concat([Buffer.from('00001000', 'hex'), Buffer.alloc(octets)]))
    const held = () => [...server.connections].reduce((sum, connection) => sum + connection.held, 0)
    begin(other, 900)
    begin(greedy[0]!, 600)
    begin(greedy[1]!, 200)
    await waitFor(() => held() === 4 + 900 + 4 + 600 + 4 + 200)
    good.socket.write(Buffer.from('0000012c', 'hex'))
    good.socket.write(Buffer.alloc(200))
    await greedy[0]!.ended()
    expect(server.counters.closed['too-much-held']).toBe(1)
    good.socket.write(Buffer.alloc(100, 'x'))
    await waitFor(() => frames.length === 1)
    expect(server.counters.connectionsOpen).toBe(3)
  })

  test('an address that is not allowed is refused at TCP, and cut when it is no longer allowed', async () => {
    let allowed = '127.0.0.2'
    const server = await start({ listen: [{ kind: 'unix', path }, LOOPBACK], allows: (address) => address === allowed })
    const stranger = sender(server.addresses[1])
    await stranger.ended()
    expect(stranger.heard).toBe('')
    allowed = '127.0.0.1'
    const friend = await sender(server.addresses[1]).begin()
    await sender().begin()
    allowed = '127.0.0.3'
    server.cutDisallowed()
    await friend.ended()
    expect(server.counters.closed['not-allowed']).toBe(2)
    expect(server.counters.connectionsOpen).toBe(1)
  })

  test('a thousand of them write ten lines into the log, and then one that says how many were left out', async () => {
    const server = await start()
    for (let i = 0; i < 40; i++) sender().socket.end('GET / HTTP/1.1\r\n\r\n')
    await waitFor(() => server.counters.closed['data-before-start'] === 40)
    expect(lines).toHaveLength(10)
    clock.advance(6000)
    sender().socket.end('GET / HTTP/1.1\r\n\r\n')
    await waitFor(() => lines.length === 11)
    expect(lines[10]?.fields).toMatchObject({ linesLeftOut: 30 })
  })
})

test('TCP connections do not wait to fill packets, and find out when the other side died', async () => {
  const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay')
  const keepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive')
  try {
    const server = await start({ listen: [{ kind: 'unix', path }, LOOPBACK] })
    await sender().begin()
    expect(keepAlive).not.toHaveBeenCalled()
    await sender(server.addresses[1]).begin()
    expect(noDelay).toHaveBeenCalledWith(true)
    expect(keepAlive).toHaveBeenCalledWith(true, 60_000)
  } finally {
    noDelay.mockRestore()
    keepAlive.mockRestore()
  }
})

describe('close', () => {
  test('reads what was sent before it, then ends all connections and accepts no more', async () => {
    const server = await start()
    const senders = await Promise.all([sender().begin(), sender().begin()])
    await waitFor(() => [...server.connections].every((connection) => connection.isStreaming))
    for (const one of senders) one.send('a', 'b', 'c')
    await new Promise((resolve) => senders[1]!.socket.write('', resolve))
    await server.close()
    expect(frames).toHaveLength(6)
    await Promise.all(senders.map((one) => one.ended()))
    expect(ends).toEqual(['server-closed', 'server-closed'])
    const late = sender()
    await late.ended()
    expect(late.error).toBe('ENOENT')
    expect(clock.timers).toBe(0)
  })
})

describe('TLS', () => {
  const certificates = makeCertificates()
  const pem = (file: string) => readFileSync(file, 'utf8')
  const { server: serverFiles, client, caFile } = certificates
  const tls = { cert: pem(serverFiles.certFile), key: pem(serverFiles.keyFile) }
  const ca = pem(caFile)
  const secure = (server: DnstapServer, options: object) => {
    const one = Sender.toTls(server.addresses.at(-1)!, { ca, ...options })
    open.push({ close: () => one.socket.destroy() })
    return one
  }

  test('guards TCP listeners; UNIX sockets stay as they are', async () => {
    const server = await start({ listen: [{ kind: 'unix', path }, LOOPBACK], tls })
    const one = await secure(server, {}).begin()
    one.send('by TLS')
    one.socket.write(STOP)
    await one.ended()
    expect(one.heard).toBe(ACCEPT + FINISH)
    const two = await sender().begin()
    two.send('by UNIX')
    await waitFor(() => frames.length === 2)
    expect(frames).toEqual(['by TLS', 'by UNIX'])
    expect(server.counters.closed.finished).toBe(1)
  })

  test('takes a new certificate for new connections; open ones go on', async () => {
    const server = await start({ listen: [LOOPBACK], tls })
    const subjectOf = (one: Sender) => (one.socket as TLSSocket).getPeerCertificate().subject.CN
    const before = await secure(server, {}).begin()
    const { stranger } = certificates
    server.renewTls({ cert: pem(stranger.certFile), key: pem(stranger.keyFile) })
    const after = await secure(server, { checkServerIdentity: () => undefined }).begin()
    expect(subjectOf(after)).not.toBe(subjectOf(before))
    before.send('goes on')
    await waitFor(() => frames.length === 1)
  })

  test('with a client CA, only a sender with a certificate of it is heard', async () => {
    const server = await start({ listen: [LOOPBACK], tls: { ...tls, clientCa: ca } })
    const nobody = secure(server, {})
    nobody.socket.write(READY)
    await nobody.ended()
    expect(nobody.heard).toBe('')
    await secure(server, { cert: pem(client.certFile), key: pem(client.keyFile) }).begin()
    await waitFor(() => server.counters.connectionsOpen === 1)
    expect(server.counters.closed['tls-error']).toBe(1)
  })

  test('a sender without TLS is cut, and one that sends nothing is dropped in time', async () => {
    const server = await start({ listen: [LOOPBACK], tls })
    const plain = sender(server.addresses[0])
    plain.socket.write(READY)
    await plain.ended()
    expect(plain.heard).not.toContain(ACCEPT)
    expect(server.counters.closed['tls-error']).toBe(1)
    const silent = sender(server.addresses[0])
    await waitFor(() => server.counters.connectionsOpen === 1)
    clock.advance(5000)
    await silent.ended()
    expect(server.counters.closed['handshake-timeout']).toBe(1)
  })

  test('a connection that ends by itself is counted once', async () => {
    const server = await start({ listen: [LOOPBACK], tls })
    const one = await secure(server, {}).begin()
    one.send('last')
    await waitFor(() => frames.length === 1)
    one.socket.end()
    await waitFor(() => server.counters.connectionsOpen === 0)
    expect(server.counters.closed['ended-without-stop']).toBe(1)
    expect(ends).toEqual(['ended-without-stop'])
  })
})
