/**
 * Loopback addresses and ports for tests that run at the same time, in one process or in several.
 *
 * Each is reserved for the whole machine until this process ends: the reservation is an abstract UNIX socket with the name of the
 * address or port, which only one process can bind and which the kernel frees when the process dies. Ports lie below the range from
 * which the kernel picks ports for outgoing connections, so that no connection can take one while its server is down.
 */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'

const FIRST_PORT = 10_000
const LAST_PORT = lowestEphemeralPort() - 1
const reservations: Server[] = []
let nextPort = FIRST_PORT + ((process.pid * 97) % (LAST_PORT - FIRST_PORT))
let nextAddress = process.pid * 64

/** A loopback address 127.x.y.z that no other test uses. Linux answers on all of 127/8. */
export function loopbackAddress(): string {
  for (;;) {
    const n = nextAddress++ % (64 * 256 * 250)
    const address = `127.${64 + Math.floor(n / (256 * 250))}.${Math.floor(n / 250) % 256}.${2 + (n % 250)}`
    if (reserve(address)) return address
  }
}

/** A TCP port that no other test uses, and that is free on the address. */
export async function freePort(host: string): Promise<number> {
  for (let tries = 0; tries < LAST_PORT - FIRST_PORT; tries++) {
    const port = nextPort
    nextPort = port < LAST_PORT ? port + 1 : FIRST_PORT
    if (reserve(`port ${port}`) && (await isFree(host, port))) return port
  }
  throw new Error(`no TCP port from ${FIRST_PORT} to ${LAST_PORT} is free on ${host}`)
}

/** Returns false if another process, or an earlier call here, has the name. */
function reserve(name: string): boolean {
  const server = createServer().on('error', () => undefined)
  server.listen(`\0dnstap-bgp-test ${name}`) // binds before it returns
  if (!server.listening) return false
  server.unref()
  reservations.push(server)
  return true
}

/** Rejects if the address cannot be listened on at all. */
function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}

function lowestEphemeralPort(): number {
  return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').split(/\s+/)[0])
}
