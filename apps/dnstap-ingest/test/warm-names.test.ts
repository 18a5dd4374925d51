/** Names that are kept warm at real resolvers: a new address becomes a route although no client asks for it. */
import {
  adminJson,
  type Authority,
  type Daemon,
  isInstalled,
  type Resolver,
  startAuthority,
  startBind,
  startProgram,
  startUnbound,
  waitFor,
} from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ZONES = ['steer.test']
const missing = ['knotd', 'dig', 'unbound', 'named'].filter((program) => !isInstalled(program))

describe.skipIf(missing.length > 0)(`Warm names (not installed: ${missing.join(', ') || 'nothing'})`, () => {
  let authority: Authority
  let program: Daemon
  const resolvers: Resolver[] = []

  const records = (version: number) =>
    ['learnt-0', 'learnt-1', 'exact'].map((label, i) => `${label} 20 A 198.51.100.${10 * version + i}`).join('\n')
  const config = (tables = '') => `
[[list]]
name = "default"
source = "./domains.txt"
[[list]]
name = "exactly"
source = "./exact.txt"
match = "exact"
[dnstap]
listen = "./dnstap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "127.0.0.1"
nextHop = "192.0.2.9"
peers = []
[never]
allow = ["198.51.100.0/24"]
[admin]
listen = "./admin.sock"
${tables}`
  const ask = <T>(path: string) => adminJson<T>(join(program.folder, 'admin.sock'), path)
  const routes = async () => (await ask<{ prefix: string }[]>('/api/routes')).map(({ prefix }) => prefix).sort()

  beforeAll(async () => {
    authority = await startAuthority({ 'steer.test': records(1) })
    program = await startProgram({
      app: 'all-in-one',
      config(folder) {
        writeFileSync(join(folder, 'domains.txt'), 'learnt-0.steer.test\nlearnt-1.steer.test\n')
        writeFileSync(join(folder, 'exact.txt'), 'exact.steer.test\n')
        return config()
      },
    })
    const common = { dnstap: join(program.folder, 'dnstap.sock'), authority, zones: ZONES }
    resolvers.push(await startUnbound({ ...common, identity: 'test-unbound', serverLines: ['prefetch: yes'] }))
    resolvers.push(await startBind({ ...common, identity: 'test-named' }))
    resolvers.push(await startUnbound({ ...common, identity: 'test-exact' }))
    const tables = resolvers.map(
      ({ address, port }, i) =>
        `[[resolver]]\naddress = "${address}:${port}"\nkind = "${i === 1 ? 'bind' : 'unbound'}"\nwarm = "${i === 2 ? 'exact' : 'learnt'}"\n`,
    )
    writeFileSync(join(program.folder, 'dnstap-bgp.toml'), config(tables.join('')))
    program.signal('SIGHUP')
  })

  afterAll(async () => {
    await Promise.all(resolvers.map((running) => running.remove()))
    await authority?.remove()
    await program?.remove()
  })

  test(
    'a new address is routed before a client asks: Unbound, BIND, and a name that only a list has',
    { timeout: 120_000 },
    async () => {
      const [unbound, bind] = resolvers
      expect(await unbound.lookup('learnt-0.steer.test')).toEqual(['198.51.100.10'])
      expect(await bind.lookup('learnt-1.steer.test')).toEqual(['198.51.100.11'])
      const first = ['198.51.100.10/32', '198.51.100.11/32', '198.51.100.12/32']
      await waitFor(async () => (await routes()).length === 3, { timeoutMs: 20_000, what: 'the first three routes' })
      expect(await routes()).toEqual(first)
      interface Senders {
        readonly resolvers: readonly { readonly warmNames: number }[]
      }
      await waitFor(async () => (await ask<Senders>('/api/senders')).resolvers.every(({ warmNames }) => warmNames > 0), {
        what: 'each resolver to have a warm name',
      })
      await authority.setZone('steer.test', records(2))
      await waitFor(async () => (await routes()).length === 6, {
        timeoutMs: 60_000,
        what: () => `the new routes; our log:\n${program.log().slice(-2000)}`,
      })
      expect(await routes()).toEqual([...first, '198.51.100.20/32', '198.51.100.21/32', '198.51.100.22/32'])
      expect(await unbound.lookup('learnt-0.steer.test')).toEqual(['198.51.100.20'])
      expect(await bind.lookup('learnt-1.steer.test')).toEqual(['198.51.100.21'])
    },
  )
})
