/** The hook for Unbound (deploy/resolvers/unbound.py) in a real Unbound. */
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Authority, isInstalled, type Resolver, startAuthority, startUnbound, waitFor } from '@dnstap-bgp/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client } from './client.ts'
import { type Heard, listen } from './listener.ts'
import { hookSuite } from './suite.ts'

const script = fileURLToPath(new URL('../../../../deploy/resolvers/unbound.py', import.meta.url))
const missing = [
  ...['unbound', 'knotd'].filter((program) => !isInstalled(program)),
  ...(existsSync('/usr/lib/python3/dist-packages/unboundmodule.py') ? [] : ['python3-unbound']),
]
const hook = (socket: string, identity: string) => ({
  script,
  env: { DNSTAP_BGP_SOCKET: socket, DNSTAP_BGP_IDENTITY: identity },
})

hookSuite('Unbound with unbound.py', { missing }, ({ socket, identity, ...others }) =>
  startUnbound({ ...others, pythonModule: hook(socket, identity) }),
)

const PATIENT = { timeoutMs: 60_000 }

describe.skipIf(missing.length > 0)(`unbound.py${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`, () => {
  let folder: string
  let authority: Authority
  let resolver: Resolver
  let client: Client
  let heard: Heard
  let sentinels = 0

  const zone = (moved: string, expired: string) =>
    [
      `ns A ${authority?.address ?? '127.0.0.1'}`,
      ...Array.from({ length: 300 }, (_, i) => `s${i} A 198.51.100.1`),
      `moved 10 A ${moved}`,
      `expired 1 A ${expired}`,
    ].join('\n')

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-hook-'))
    chmodSync(folder, 0o755)
    const socket = join(folder, 'dnstap.sock')
    heard = await listen(socket)
    authority = await startAuthority({
      'hook.test': zone('192.0.2.50', '192.0.2.60'),
      'sub.test': 'www A 192.0.2.70',
    })
    await authority.setZone('hook.test', zone('192.0.2.50', '192.0.2.60'))
    resolver = await startUnbound({
      zones: ['hook.test', 'refused.test'],
      authority,
      pythonModule: hook(socket, 'hook-2'),
      serverLines: [
        'prefetch: yes',
        'serve-expired: yes',
        'serve-expired-client-timeout: 0',
        'local-zone: "sub.test." transparent',
        'domain-insecure: "sub.test."',
      ],
      clauses: `stub-zone:\n  name: "sub.test."\n  stub-host: ns.hook.test@${authority.port}\n`,
    })
    client = await Client.open(resolver)
  }, 60_000)

  afterAll(async () => {
    client?.close()
    await resolver?.remove()
    await authority?.remove()
    await heard?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Waits until a name that was asked for now has come: whatever was handed over before it has come as well. */
  const allHeard = async () => {
    const before = heard.frames.length
    await waitFor(
      async () => {
        await client.ask(`s${sentinels++}.hook.test`)
        return heard.frames.length > before
      },
      { ...PATIENT, intervalMs: 100 },
    )
  }
  const heardOf = (name: string) => heard.frames.filter((frame) => frame.includes(` ${name}`))

  test('a SERVFAIL is not handed over', async () => {
    expect(await client.ask('www.refused.test')).toBe('error-rcode 2')
    await allHeard()
    expect(heard.frames.filter((frame) => frame.includes('rcode'))).toEqual([])
  })

  test("the address of a name server that Unbound looks up for itself is not handed over, the client's answer is", async () => {
    expect(await client.ask('www.sub.test')).toBe('www.sub.test 192.0.2.70')
    await allHeard()
    expect(heardOf('ns.hook.test')).toEqual([])
    expect(heardOf('www.sub.test')).toEqual(['CLIENT_RESPONSE www.sub.test 192.0.2.70'])
  })

  test('a prefetched answer and the refresh behind an expired one are handed over before a client gets them', async () => {
    expect(await client.ask('moved.hook.test')).toBe('moved.hook.test 192.0.2.50')
    expect(await client.ask('expired.hook.test')).toBe('expired.hook.test 192.0.2.60')
    await authority.setZone('hook.test', zone('192.0.2.51', '192.0.2.61'))
    const got = new Set<string>()
    await waitFor(
      async () => {
        if (heardOf('moved.hook.test').some((frame) => frame.endsWith('.51'))) return true
        got.add(await client.ask('moved.hook.test'))
        return false
      },
      { ...PATIENT, intervalMs: 50, what: 'the prefetched answer' },
    )
    expect([...got]).toEqual(['moved.hook.test 192.0.2.50'])
    // By now it has expired, and is answered from what was known; the new one comes behind.
    expect(await client.ask('expired.hook.test')).toBe('expired.hook.test 192.0.2.60')
    await waitFor(() => heardOf('expired.hook.test').some((frame) => frame.endsWith('.61')), PATIENT)
  }, 120_000)
})
