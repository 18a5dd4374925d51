import { createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { waitFor } from '@dnstap-bgp/testkit'
import { loadSocketCalls } from '../src/socket-calls.ts'
import { boundSending, connectTcp, inFlight } from '../src/tcp.ts'

test.skipIf(process.platform !== 'linux')(
  'a connection whose other end reads nothing takes few octets, says how many, and ends after the send hold time (RFC 9687)',
  async () => {
    const calls = await loadSocketCalls()
    const sockets: Socket[] = []
    const server = createServer({ pauseOnConnect: true }, (socket) => sockets.push(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const socket = connectTcp({ address: '127.0.0.1', port: (server.address() as AddressInfo).port }, calls)
    let reason: string | undefined
    socket.on('error', (error) => (reason = error.message))
    await new Promise((resolve) => socket.once('connect', resolve))
    boundSending(socket, { bytes: 64 * 1024, timeoutMs: 500 }, calls)
    for (let octets = 0; octets < 8 * 1024 * 1024; octets += 16 * 1024) socket.write(Buffer.alloc(16 * 1024))
    await waitFor(() => inFlight(socket, calls) > socket.writableLength, { what: 'the kernel to have some' })
    // What the other end has room for (on loopback some 128 KiB) and the bound; without it the kernel takes megabytes.
    expect(socket.writableLength).toBeGreaterThan(7.5 * 1024 * 1024)
    await waitFor(() => reason !== undefined, { what: 'the end', timeoutMs: 20_000 })
    expect(reason).toContain('ETIMEDOUT')
    for (const one of sockets) one.destroy()
    server.close()
  },
)
