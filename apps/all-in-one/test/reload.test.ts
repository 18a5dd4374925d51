/**
 * An operator edits the configuration and the lists of a running all-in-one and sends SIGHUP; a real BIRD counts what it is told. What is
 * still covered may change its attributes, but must never be withdrawn on the way.
 */
import {
  type Authority,
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
} from '@dnstap-bgp/testkit'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const missing = ['unbound', 'knotd', 'bird', 'dig'].filter((program) => !isInstalled(program))

const ZONES = {
  'x.test': 'www A 198.51.100.1\nads A 198.51.100.2\n',
  'y.test': 'www A 198.51.100.3\n',
}

interface List {
  readonly name: string
  readonly rules: readonly string[]
  readonly settings: string
}

describe.skipIf(missing.length > 0)(
  `edits of a running all-in-one${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`,
  () => {
    let authority: Authority
    let unbound: Resolver
    let bird: Router
    let program: Daemon
    const us = loopbackAddress()
    const video: List = { name: 'video', rules: ['||x.test^'], settings: 'communities = ["64512:1"]' }
    const work: List = { name: 'work', rules: ['||y.test^'], settings: 'communities = ["64512:2"]' }
    let lists = [video, work]

    const config = (folder: string) => {
      for (const { name, rules } of lists) writeFileSync(join(folder, `${name}.txt`), `${rules.join('\n')}\n`)
      const tables = lists.map(
        ({ name, settings }) =>
          `[[list]]\nname = "${name}"\nsource = "${name}.txt"\nformat = "adblock"\nminimumShare = 0.0\n${settings}`,
      )
      return `
cache = "cache"
ttl = "1h"
${tables.join('\n')}
[dnstap]
listen = ["./tap.sock"]
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
peers = ["${bird.options.address}:${bird.options.port}"]
[never]
allow = ["198.51.100.0/24"]
[admin]
listen = "./admin.sock"
`
    }
    const reload = (next: List[]) => {
      lists = next
      writeFileSync(join(program.folder, 'dnstap-bgp.toml'), config(program.folder))
      program.signal('SIGHUP')
    }
    /** Prefix and communities. */
    const inBird = async () =>
      Object.fromEntries((await bird.routes()).map(({ prefix, communities }) => [prefix, communities.join(' ')]))
    const waitForRoutes = (expected: Record<string, string>) =>
      waitFor(async () => JSON.stringify(await inBird()) === JSON.stringify(expected), {
        what: () => `BIRD to have ${JSON.stringify(expected)}; our log:\n${program.log().slice(-3000)}`,
      })
    /** How many withdrawals BIRD has received since the session came up. */
    const withdrawals = async () =>
      Number(/Import withdraws:\s+(\d+)/.exec(await birdCommand(bird.folder, 'show protocols all peer'))?.[1])

    beforeAll(async () => {
      authority = await startAuthority(ZONES)
      const address = loopbackAddress()
      bird = await startBird({
        address,
        port: await freePort(address),
        asn: 64512,
        peerAddress: us,
        peerAsn: 64512,
        families: ['ipv4'],
      })
      program = await startProgram({ app: 'all-in-one', config })
      unbound = await startUnbound({ dnstap: join(program.folder, 'tap.sock'), zones: Object.keys(ZONES), authority })
      await bird.waitForSession('Established')
      for (const name of ['www.x.test', 'ads.x.test', 'www.y.test']) await unbound.lookup(name)
      await waitForRoutes({ '198.51.100.1/32': '64512:1', '198.51.100.2/32': '64512:1', '198.51.100.3/32': '64512:2' })
    })

    afterAll(async () => {
      await unbound?.remove()
      await program?.remove()
      await bird?.remove()
      await authority?.remove()
    })

    test('changed communities are sent for every route of the list, and nothing is withdrawn', async () => {
      const before = await withdrawals()
      reload([{ ...video, settings: 'communities = ["64512:7"]' }, work])
      await waitForRoutes({ '198.51.100.1/32': '64512:7', '198.51.100.2/32': '64512:7', '198.51.100.3/32': '64512:2' })
      expect(await withdrawals()).toBe(before)
    })

    test('a list that is renamed keeps its routes: nothing is withdrawn', async () => {
      const before = await withdrawals()
      reload([{ ...video, name: 'films' }, work])
      await waitForRoutes({ '198.51.100.1/32': '64512:1', '198.51.100.2/32': '64512:1', '198.51.100.3/32': '64512:2' })
      expect(await withdrawals()).toBe(before)
    })

    test('a configuration that is wrong changes nothing, and says so', async () => {
      const before = await inBird()
      const path = join(program.folder, 'dnstap-bgp.toml')
      writeFileSync(path, 'nonsense = 1\n')
      program.signal('SIGHUP')
      await waitFor(() => /Nothing was reloaded/.test(program.log()), { what: 'the refusal' })
      expect(await inBird()).toEqual(before)
    })

    test('an exception for all lists withdraws the routes of its name, and nothing else', async () => {
      const before = await withdrawals()
      reload([
        { ...video, name: 'films' },
        { ...work, rules: ['||y.test^', '@@||ads.x.test^'] },
      ])
      await waitForRoutes({ '198.51.100.1/32': '64512:1', '198.51.100.3/32': '64512:2' })
      expect(await withdrawals()).toBe(before + 1)
    })

    test('removing a list withdraws its routes', async () => {
      reload([{ ...video, name: 'films' }])
      await waitForRoutes({ '198.51.100.1/32': '64512:1' })
    })

    test('an edit of a list is noticed without SIGHUP: routes of the removed names are withdrawn, and nothing else', async () => {
      await unbound.lookup('ads.x.test')
      await waitForRoutes({ '198.51.100.1/32': '64512:1', '198.51.100.2/32': '64512:1' })
      const before = await withdrawals()
      // No signal: the file alone, replaced as editors do.
      const path = join(program.folder, 'films.txt')
      writeFileSync(`${path}.new`, '||www.x.test^\n')
      renameSync(`${path}.new`, path)
      await waitForRoutes({ '198.51.100.1/32': '64512:1' })
      expect(await withdrawals()).toBe(before + 1)
    })

    test('a shorter lifetime applies to existing bindings', async () => {
      reload([{ ...video, name: 'films', settings: 'communities = ["64512:1"]\nttl = "1s"' }])
      await waitForRoutes({})
    })
  },
)
