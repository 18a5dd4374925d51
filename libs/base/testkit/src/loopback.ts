/** Addresses and ports of our own for tests that must not meet each other on one machine. */
import { createServer } from 'node:net'

let handedOut = 0

/** A loopback address 127.x.y.z that nobody else in this process got; processes differ by their id. Linux answers on all of 127/8. */
export function loopbackAddress(): string {
  const n = (process.pid * 64 + handedOut++) % (64 * 256 * 250)
  return `127.${64 + Math.floor(n / (256 * 250))}.${Math.floor(n / 250) % 256}.${2 + (n % 250)}`
}

/** A TCP port free on the address a moment ago. */
export async function freePort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error(`no TCP port on ${host}`)
  return address.port
}
