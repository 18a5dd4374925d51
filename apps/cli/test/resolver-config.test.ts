/** `dnstap-bgp resolver-config dnsdist`, in a real dnsdist that follows the lists of a running program. */
import {
  birdCommand,
  type Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  type Resolver,
  type Router,
  runToEnd,
  startAuthority,
  startBird,
  startDnsdist,
  startProgram,
  startUnbound,
  waitFor,
  type Authority,
} from '@dnstap-bgp/testkit'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const missing = ['dnsdist', 'unbound', 'knotd', 'bird'].filter((program) => !isInstalled(program))
const PATIENT = { timeoutMs: 60_000 }
const HOLD_MS = 300
const RECORDS = Array.from({ length: 500 }, (_, i) => `n${i} A 20.9.${i >> 8}.${i & 255}`).join('\n')

describe.skipIf(missing.length > 0)(
  `resolver-config dnsdist${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    let folder: string
    let configFile: string
    let bird: Router
    let program: Daemon
    let authority: Authority
    let resolver: Resolver
    let front: Resolver
    let lines: string
    let asked = 0

    const setNames = (...names: string[]) => writeFileSync(join(folder, 'names'), names.join('\n'))
    const command = (...args: string[]) => runToEnd('cli', ['resolver-config', ...args, '--config', configFile])
    /** How long dnsdist takes to answer a question that it was not asked before. */
    const lookupMs = async (zone: string) => {
      const name = `n${asked++}.${zone}`
      const began = performance.now()
      expect(await front.lookup(name)).toHaveLength(1)
      return performance.now() - began
    }
    const isHeld = async (zone: string) => (await lookupMs(zone)) >= HOLD_MS

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-dnsdist-'))
      chmodSync(folder, 0o755)
      configFile = join(folder, 'dnstap-bgp.toml')
      setNames('listed.test')
      const us = loopbackAddress()
      const address = loopbackAddress()
      const port = await freePort(address)
      const config = `domains = "${folder}/names"
[lists]
namesFile = "${folder}/names.cdb"
[dnstap]
listen = "${folder}/dnstap.sock"
perm = "0666"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
peers = ["${address}:${port}"]
[admin]
listen = "./admin.sock"
`
      writeFileSync(configFile, config)
      // Before our program runs: the command writes the names itself.
      const made = await command('dnsdist', '--hold', `${HOLD_MS}ms`, '--identity', 'front-1')
      expect(made).toMatchObject({ code: 0 })
      lines = made.output.slice(made.output.indexOf('-- For dnsdist'))
      bird = await startBird({ address, port, asn: 64512, peerAddress: us, peerAsn: 64512, families: ['ipv4'] })
      program = await startProgram({ app: 'all-in-one', config: () => config })
      authority = await startAuthority({ 'listed.test': RECORDS, 'other.test': RECORDS })
      const zones = ['listed.test', 'other.test']
      resolver = await startUnbound({ zones, authority })
      front = await startDnsdist({ zones, authority: resolver, lines })
      await bird.waitForSession('Established', PATIENT)
    }, 120_000)

    afterAll(async () => {
      await front?.remove()
      await resolver?.remove()
      await authority?.remove()
      await program?.remove()
      await bird?.remove()
      rmSync(folder, { recursive: true, force: true })
    }, 60_000)

    test('dnsdist --check-config takes it', () => {
      const file = join(folder, 'check.conf')
      writeFileSync(file, lines)
      const { status, stdout, stderr } = spawnSync('dnsdist', ['--check-config', '-C', file], { encoding: 'utf8' })
      expect([status, stdout + stderr]).toEqual([0, expect.stringContaining('OK')])
    })

    test('an answer for a listed name comes later, and when it comes the router has the route', async () => {
      await lookupMs('listed.test') // the loggers connect
      for (let round = 0; round < 5; round++) {
        const route = `20.9.${asked >> 8}.${asked & 255}`
        expect(await isHeld('listed.test')).toBe(true)
        expect(await birdCommand(bird.folder, `show route for ${route}`)).toContain(`${route}/32`)
      }
    })

    test('dnsdist follows the lists: also when they change twice in a second, without a restart', async () => {
      setNames('something-else.test')
      await waitFor(() => program.log().split('The file of names is written.').length > 2, PATIENT)
      const between = statSync(join(folder, 'names.cdb')).mtimeMs
      setNames('other.test')
      await waitFor(() => statSync(join(folder, 'names.cdb')).mtimeMs >= between + 1000, PATIENT)
      await waitFor(() => isHeld('other.test'), PATIENT)
      await waitFor(async () => !(await isHeld('listed.test')), PATIENT)
    })
  },
)
