/** What the operator sees of a peer that cannot or will not: the bundled all-in-one opposite BIRD. */
import {
  adminJson,
  askAdmin,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  runToEnd,
  type Router,
  startBird,
  startProgram,
  waitFor,
} from '@dnstap-bgp/testkit'
import { dnsResponse, dnstapFrame, type RouterOptions } from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { tell } from './frame-stream.ts'

interface PeerRow {
  readonly name: string
  readonly state: string
  readonly lastError: string | null
  readonly nextAttempt: string | null
  readonly isDamped: boolean
  readonly counters: { readonly announced: number; readonly sessions: number }
}

let bird: Router | undefined
let program: Daemon | undefined

afterEach(async () => {
  await program?.remove()
  await bird?.remove()
  program = bird = undefined
})

/** BIRD in another AS, and us. */
async function opposite(router: Partial<RouterOptions>, peerTable: string, env: NodeJS.ProcessEnv = {}) {
  const us = loopbackAddress()
  const address = loopbackAddress()
  const port = await freePort(address)
  bird = await startBird({ address, port, asn: 64513, peerAddress: us, peerAsn: 64512, families: ['ipv4'], ...router })
  const config = (folder: string) => {
    writeFileSync(join(folder, 'domains.txt'), 'listed.example\n')
    return `
domains = "domains.txt"
[dnstap]
listen = ["./tap.sock"]
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
[[bgp.peer]]
name = "edge"
address = "${address}:${port}"
as = 64513
connectRetry = "1s"
${peerTable}
[admin]
listen = "./admin.sock"
`
  }
  program = await startProgram({ app: 'all-in-one', config, env })
  const admin = join(program.folder, 'admin.sock')
  return {
    bird,
    program,
    peer: async () => (await adminJson<PeerRow[]>(admin, '/api/peers'))[0],
    health: async () => (await askAdmin(admin, 'GET', '/readyz')).text,
    tap: join(program.folder, 'tap.sock'),
  }
}

describe.skipIf(!isInstalled('bird'))('opposite BIRD (skipped where bird2 is not installed)', () => {
  test('a peer that refuses our number of prefixes is damped: peers, log and health say so', async () => {
    const { program, peer, health, tap } = await opposite({ maxPrefixes: 10 }, '')
    await waitFor(async () => (await peer()).state === 'Established', { what: 'the session' })
    await tell(
      tap,
      Array.from({ length: 50 }, (_, n) => {
        const qname = `h${n}.listed.example`
        return dnstapFrame({ response: dnsResponse({ qname, answers: [{ owner: qname, type: 'A', value: `20.1.0.${n}` }] }) })
      }),
    )
    await waitFor(async () => (await peer()).isDamped, { what: 'the long pause' })
    const { state, lastError, nextAttempt } = await peer()
    expect(state).toBe('Idle')
    expect(lastError).toContain('Maximum Number of Prefixes')
    expect(Date.parse(nextAttempt ?? '') - Date.now()).toBeGreaterThan(60_000)
    await waitFor(() => program.log().includes('The peer refused our number of prefixes.'), { what: 'the line in the log' })
    await waitFor(async () => (await health()).includes('edge'), { what: 'health to name the peer' })
  })

  test('an operator can send a peer its routes again, or reset its session', async () => {
    const { bird, program, peer, tap } = await opposite({}, '')
    await tell(tap, [
      dnstapFrame({
        response: dnsResponse({
          qname: 'a.listed.example',
          answers: [{ owner: 'a.listed.example', type: 'A', value: '20.1.0.1' }],
        }),
      }),
    ])
    await bird.waitForCount(1)
    const reset = (...args: string[]) =>
      runToEnd('cli', ['peers', '--admin', join(program.folder, 'admin.sock'), '--reset', ...args])
    expect(await reset('edge')).toMatchObject({ code: 0, output: expect.stringContaining('sent again') as string })
    await waitFor(async () => (await peer()).counters.announced === 2, { what: 'the route to be sent again' })
    expect(await reset('edge', '--hard')).toMatchObject({ code: 0, output: expect.stringContaining('starts again') as string })
    await waitFor(async () => (await peer()).counters.sessions === 2, { what: 'the next session' })
    expect((await reset('nobody')).output).toContain('there is no peer named "nobody"; there are edge')
  })

  // A loader that knows no koffi stands for a machine that it was not built for.
  const withoutKoffi = {
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(
      `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent("export function resolve(name, context, next) { if (name === 'koffi') throw new Error('no koffi here'); return next(name, context) }"))`,
    )}`,
  }

  test('where koffi cannot be loaded, eBGP works with the TTL of the system, and the log says so', async () => {
    const { program, bird } = await opposite({}, '', withoutKoffi)
    await bird.waitForSession('Established')
    expect(program.log()).toContain(
      "Connections to peers have the system's TTL and send buffers, because socket options cannot be set: the package koffi, which sets socket options, cannot be loaded",
    )
  })

  test('where koffi cannot be loaded, a peer with a password is refused with a sentence, and nothing is sent to it', async () => {
    const { program, bird, peer, health } = await opposite({}, 'password = "s3cret"', withoutKoffi)
    const sentence = 'edge wants a TCP MD5 password, and socket options cannot be set'
    await waitFor(() => program.log().includes(sentence), { what: 'the sentence in the log' })
    await waitFor(async () => (await health()).includes(sentence), { what: 'the sentence in health' })
    expect(program.log()).not.toContain('s3cret')
    await waitFor(async () => (await peer()).lastError?.includes('cannot be set'), { what: 'an attempt to be refused' })
    expect(await bird.session()).not.toBe('Established')
  })
})
