/**
 * A hook that holds an answer back until it is routed: the real resolver, an all-in-one and a BIRD that confirms.
 *
 * Whatever happens behind the resolver, its clients get the answers that a resolver without a hook gives.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  askAdmin,
  birdCommand,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type Resolver,
  type Router,
  startAuthority,
  startBird,
  startProgram,
  startUnbound,
  waitFor,
  type Authority,
} from '@dnstap-bgp/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from './client.ts'
import type { Hooked } from './suite.ts'

export interface Holding extends Hooked {
  /** How long the hook holds at most. */
  readonly holdMs: number
}

const ZONE = 'listed.test'
const OTHER = 'other.test'
const COUNT = 900
const NEVER = Array.from({ length: 20 }, (_, i) => `private${i}.${ZONE}`)
const address = (i: number) => `20.7.${i >> 8}.${i & 255}`
const RECORDS = Array.from({ length: COUNT }, (_, i) => `n${i} A ${address(i)}`).join('\n')
const PRIVATE_RECORDS = NEVER.map((_, i) => `private${i} A 10.0.0.${i}`).join('\n')
/** Long, so that a busy machine does not end a wait; what a dead end costs is counted in waits. */
const HOLD_MS = 1000
const PATIENT = { timeoutMs: 60_000 }

export function holdSuite(
  title: string,
  { missing }: { readonly missing: readonly string[] },
  start: (holding: Holding) => Promise<Resolver>,
): void {
  const absent = [...missing, ...['bird', 'unbound', 'knotd'].filter((program) => !isInstalled(program))]
  describe.skipIf(absent.length > 0)(title + (absent.length > 0 ? ` (not installed: ${absent.join(', ')})` : ''), () => {
    let folder: string
    let bird: Router
    let program: Daemon
    let authority: Authority
    let resolver: Resolver
    let plain: Resolver
    let client: Client
    let plainClient: Client
    let lastFresh = 0
    const fresh = () => `n${lastFresh++}.${ZONE}`

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-hold-'))
      chmodSync(folder, 0o755)
      writeFileSync(join(folder, 'names'), `${ZONE}\n`)
      const us = loopbackAddress()
      const address = loopbackAddress()
      const port = await freePort(address)
      bird = await startBird({ address, port, asn: 64512, peerAddress: us, peerAsn: 64512, families: ['ipv4'] })
      const config = `domains = "${folder}/names"
[dnstap]
listen = "${folder}/dnstap.sock"
perm = "0666"
[dnstap.hold]
limit = "1s"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
[[bgp.peer]]
address = "${address}:${port}"
confirm = true
[admin]
listen = "./admin.sock"
`
      program = await startProgram({ app: 'all-in-one', config: () => config })
      authority = await startAuthority({
        [ZONE]: `${RECORDS}\n${PRIVATE_RECORDS}`,
        [OTHER]: `${RECORDS}\ntext TXT "no address"`,
        'bogus.test': '',
      })
      const options = { zones: [ZONE, OTHER], authority, bogusZone: 'bogus.test' }
      resolver = await start({ ...options, socket: join(folder, 'dnstap.sock'), identity: 'hold-1', holdMs: HOLD_MS })
      plain = await startUnbound(options)
      client = await Client.open(resolver)
      plainClient = await Client.open(plain)
      await bird.waitForSession('Established', PATIENT)
    }, 120_000)

    afterAll(async () => {
      client?.close()
      plainClient?.close()
      await resolver?.remove()
      await plain?.remove()
      await authority?.remove()
      await program?.remove()
      await bird?.remove()
      rmSync(folder, { recursive: true, force: true })
    }, 60_000)

    /** Answers that were held back, by what became of them. */
    const held = async (result: string): Promise<number> => {
      const { text } = await askAdmin(join(program.folder, 'admin.sock'), 'GET', '/metrics')
      return Number(new RegExp(`^dnstap_bgp_ingest_held_answers_total\\{result="${result}"\\} (\\d+)`, 'm').exec(text)?.[1])
    }
    const isRouted = async (route: string) => (await birdCommand(bird.folder, `show route for ${route}`)).includes(`${route}/32`)
    const holdsAgain = async () => {
      const before = await held('routed')
      await waitFor(
        async () => {
          await client.ask(fresh())
          return (await held('routed')) > before
        },
        { ...PATIENT, intervalMs: 250, what: () => `a held answer;\n${resolver.daemon.log().slice(-2000)}` },
      )
    }
    const sameAsPlain = async (names: readonly string[], atOnce = 20) =>
      expect(await client.askAll(names, atOnce)).toEqual(await plainClient.askAll(names, atOnce))

    test('the UPDATE has left us before the client has the answer', async () => {
      await holdsAgain()
      for (let round = 0; round < 20; round++) {
        const [, route] = (await client.ask(fresh())).split(' ')
        // From here on we cannot send anything.
        program.signal('SIGSTOP')
        await waitFor(() => isRouted(route), { ...PATIENT, what: `a route to ${route} in BIRD` })
        program.signal('SIGCONT')
      }
      expect(await held('late')).toBe(0)
    }, 120_000)

    test('an answer without a listed name, or without an address, waits for nothing', async () => {
      const [routed, late] = [await held('routed'), await held('late')]
      await sameAsPlain([...Array.from({ length: 100 }, (_, i) => `n${i}.${OTHER}`), `text.${OTHER}`, `nobody.${OTHER}`])
      expect(await held('nothing-to-wait-for')).toBeGreaterThanOrEqual(100)
      expect([await held('routed'), await held('late')]).toEqual([routed, late])
    })

    test('a client gets what a resolver without a hook answers', async () => {
      await sameAsPlain([...Array.from({ length: 100 }, fresh), `nobody.${ZONE}`])
    })

    test('an answer that may not be routed is not held', async () => {
      const late = await held('late')
      await sameAsPlain(NEVER)
      expect(await held('late')).toBe(late)
    })

    test('with the router away no answer is held', async () => {
      await bird.kill()
      const late = await held('late')
      await sameAsPlain(Array.from({ length: 50 }, fresh))
      expect(await held('late')).toBe(late)
      await bird.restart()
      await bird.waitForSession('Established', PATIENT)
    }, 120_000)

    test('while we are dead answers come as ever, and after our restart they are held again', async () => {
      await program.kill()
      await sameAsPlain(Array.from({ length: 100 }, fresh))
      await program.restart()
      await bird.waitForSession('Established', PATIENT)
      await holdsAgain()
    }, 120_000)

    test('while we are frozen three answers wait out their limit, the others do not; then answers are held again', async () => {
      program.signal('SIGSTOP')
      const began = performance.now()
      // One by one: so long a wait would make a resolver believe that its own questions are lost.
      await sameAsPlain(Array.from({ length: 100 }, fresh), 1)
      expect(performance.now() - began).toBeLessThan(30 * HOLD_MS)
      program.signal('SIGCONT')
      await holdsAgain()
    }, 120_000)
  })
}
