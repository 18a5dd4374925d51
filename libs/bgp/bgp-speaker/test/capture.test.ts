/** Whole sessions with every router, captured on the wire and read by a decoder that shares nothing with ours. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { isInstalled, ROUTER_KINDS, waitFor } from '@dnstap-bgp/testkit'
import { type Opposite, pair, type Pair, PLAIN } from '../testing/routers.ts'

let current: Pair | undefined

afterEach(async () => {
  await current?.close()
  current = undefined
})

const v4 = (n: number) => `10.0.${n >> 8}.${n & 255}/32`
const v6 = (n: number) => `2001:db8:0:${n.toString(16)}::1/128`
const N = 1500
const RICH = {
  ...PLAIN,
  localPref: 200,
  med: 7,
  communities: [0xfde80064, 0xffffff01],
  largeCommunities: [[65000, 1, 2]],
} as const

const WAYS: readonly (readonly [string, Opposite])[] = [
  ['iBGP over IPv4, we connect', { speaker: { longLivedStaleSeconds: 60 } }],
  ['eBGP over IPv6, it connects', { external: true, transport: 'ipv6', routerConnects: true, peer: { role: 'provider' } }],
]

describe.each(ROUTER_KINDS)('a session with %s, looked at by tshark', (kind) => {
  describe.skipIf([kind, 'tshark', 'tcpdump'].some((name) => !isInstalled(name)))(
    `(skipped where ${kind}, tshark or tcpdump is not installed)`,
    () => {
      test.for(WAYS)('%s: no message of ours is malformed', async ([, opposite], { skip }) => {
        const { router, table, speaker, speakerConfig } = (current = await pair(kind, opposite))
        const port = speakerConfig.listen?.port ?? speakerConfig.peers[0].port
        const capture = await startCapture(port)
        if (capture === undefined) return skip('tcpdump may not capture here')
        try {
          for (let n = 0; n < N; n++) table.set(v4(n), n % 2 === 0 ? PLAIN : RICH)
          for (let n = 0; n < N; n++) table.set(v6(n), n % 2 === 0 ? PLAIN : RICH)
          await speaker.start()
          await router.waitForCount(2 * N, { timeoutMs: 30_000 })
          let announced = 2 * N
          if (kind !== 'gobgp') {
            await router.askRefresh() // GoBGP keeps what it was sent and never asks again
            announced *= 2
            await waitFor(() => speaker.peers()[0].counters.announced >= announced, { what: 'the table to be sent again' })
          }
          for (let n = 0; n < N; n += 3) table.delete(v4(n))
          for (let n = 0; n < N; n += 3) table.set(v6(n), { ...RICH, med: n })
          await router.waitForCount(2 * N - N / 3)
          await speaker.close({ withdraw: true })
          await router.waitForCount(0)
          const ours = speakerConfig.listen === undefined ? `tcp.dstport == ${port}` : `tcp.srcport == ${port}`
          await waitFor(async () => (await capture.read(`${ours} && bgp.type == 3`)) !== '', { what: 'our last message' })
          await capture.end()
          expect(await capture.read(`${ours} && (_ws.malformed || _ws.expert.severity == "Error")`)).toBe('')
          const types = (await capture.read(ours, 'bgp.type')).split(/[^0-9]+/)
          const seen = (type: number) => types.filter((each) => each === `${type}`).length
          expect(seen(1)).toBeGreaterThanOrEqual(1)
          expect(seen(2)).toBeGreaterThan(20)
          expect(seen(3)).toBe(1)
        } finally {
          capture.remove()
        }
      })
    },
  )
})

/** tcpdump on the loopback device; undefined when it may not. */
async function startCapture(port: number) {
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-capture-'))
  const file = join(folder, 'session.pcap')
  const dump = spawn('tcpdump', ['-i', 'lo', '-U', '-s', '0', '-B', '65536', '-w', file, 'tcp', 'port', `${port}`])
  const remove = () => {
    dump.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  const started = await Promise.race([once(dump.stderr, 'data').then(() => true), once(dump, 'exit').then(() => false)])
  if (!started) return void remove()
  return {
    remove,
    async end() {
      dump.kill('SIGINT')
      await once(dump, 'exit')
    },
    /** A field of all packets with BGP in them that a display filter lets pass. */
    async read(filter: string, field = '_ws.col.Info'): Promise<string> {
      const words = ['-r', file, '-d', `tcp.port==${port},bgp`, '-Y', `bgp && ${filter}`, '-T', 'fields', '-e', field]
      const { stdout } = await promisify(execFile)('tshark', words, { maxBuffer: 1 << 26 })
      return stdout.trim()
    },
  }
}
