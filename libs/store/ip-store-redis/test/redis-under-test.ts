/** A real redis-server and stores on it, all ended after each test. */
import { execFileSync } from 'node:child_process'
import type { Sighting } from '@dnstap-bgp/ip-store'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import type { Clock, Log } from '@dnstap-bgp/runtime'
import { startRedis } from '@dnstap-bgp/testkit'
import type { RedisServerOptions, Server } from '@dnstap-bgp/testkit'
import { afterEach } from 'vitest'
import { openRedisStore } from '../src/index.ts'
import type { RedisIpStore, RedisStoreOptions } from '../src/index.ts'

export const soon = (ms: number): Partial<Sighting> => ({ seenAtMs: Date.now(), expiresAtMs: Date.now() + ms })
export const address = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`

export const cli = (server: Server, ...args: string[]): string =>
  execFileSync('redis-cli', ['-h', server.host, '-p', String(server.port), ...args], { encoding: 'utf8' }).trim()

/** Leads to the server. When it falls silent, connections made so far carry nothing more, not even their end; new ones do. */
export async function wayTo(server: Server) {
  let silence: { silent: boolean } = { silent: false }
  const sockets: Socket[] = []
  const proxy = createServer((near) => {
    const mine = silence
    const far = connect(server.port, server.host)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.push(from)
      from.on('data', (bytes) => void (mine.silent || to.write(bytes)))
      from.on('error', () => {})
      from.on('close', () => void (mine.silent || to.destroy()))
    }
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return {
    host: '127.0.0.1',
    port: (proxy.address() as AddressInfo).port,
    fallSilent(): void {
      silence.silent = true
      silence = { silent: false }
    },
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
}

/** To be called inside a describe(). */
export function redisUnderTest() {
  const ends: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })
  return {
    ends,
    async redis(options: RedisServerOptions = {}): Promise<Server> {
      const started = await startRedis(options)
      ends.push(() => started.remove())
      return started
    },
    async open(options: RedisStoreOptions, log: Log = silentLog, clock: Clock = systemClock): Promise<RedisIpStore> {
      const store = await openRedisStore(options, { clock, log })
      ends.push(() => store.close())
      return store
    },
  }
}
