/**
 * The main job with our programs in containers and everything around them outside: knotd as the authority, Unbound as the resolver that
 * reports to the socket, BIRD as the router. containers.mjs runs this in the network that the containers call the host's.
 *
 *   npx tsx tools/lab/lookup-to-route.ts FOLDER ADMIN COMMAND...
 *
 * COMMAND starts the containers and, with --force-recreate, puts new ones in their place; FOLDER has etc/ and run/, which they mount;
 * ADMIN is the port where the one that announces can be asked. Prints what BIRD has after a lookup, and fails when it is not what was
 * looked up.
 */
import { freePort, loopbackAddress, startAuthority, startBird, startUnbound, waitFor } from '@dnstap-bgp/testkit'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [folder, admin, command, ...args] = process.argv.slice(2)
const shipped = fileURLToPath(new URL('../../deploy/docker/', import.meta.url))
const us = loopbackAddress()
/** A TCP MD5 key takes a native package and a system call: the two things that a confined container may refuse. */
const password = 'a key of the lab'
const closers: (() => Promise<void>)[] = []
const use = <T extends { remove(): Promise<void> }>(thing: T): T => {
  closers.push(() => thing.remove())
  return thing
}

try {
  const authority = use(
    await startAuthority({
      'example.org': 'www A 198.51.100.1\nwww AAAA 2001:db8:51::1\n',
      'example.test': 'www A 198.51.100.66\n',
    }),
  )
  const address = loopbackAddress()
  const port = await freePort(address)
  const bird = use(
    await startBird({ address, port, asn: 64512, peerAddress: us, peerAsn: 64512, families: ['ipv4', 'ipv6'], password }),
  )
  configure(`${address}:${port}`)

  containers()
  const socket = join(folder, 'run/dnstap.sock')
  await waitFor(() => existsSync(socket), { what: `the socket ${socket}`, timeoutMs: 60_000 })
  await bird.waitForSession('Established', { timeoutMs: 60_000 })

  const unbound = use(await startUnbound({ dnstap: socket, zones: ['example.org', 'example.test'], authority }))
  await unbound.lookup('www.example.test')
  await unbound.lookup('www.example.org', 'A')
  await unbound.lookup('www.example.org', 'AAAA')
  const expected = '198.51.100.1/32 via 192.0.2.9, 2001:db8:51::1/128 via 2001:db8::9'
  const seen = async () => (await bird.routes()).map(({ prefix, nextHop }) => `${prefix} via ${nextHop}`).join(', ')
  await waitFor(async () => (await seen()) === expected, { what: `BIRD to have ${expected}`, timeoutMs: 30_000 })
  console.log(`   BIRD has ${await seen()}`)
  const explained = inContainer('dnstap-bgp', 'explain', '198.51.100.1')
  if (!explained.includes('www.example.org')) throw new Error(`the command in the container says: ${explained}`)
  console.log('   the command in the container explains it')

  containers('--force-recreate')
  await waitFor(async () => (await announced()) === 2, {
    what: 'new containers to announce what the old ones stored',
    timeoutMs: 60_000,
  })
  await bird.waitForSession('Established', { timeoutMs: 60_000 })
  await waitFor(async () => (await seen()) === expected, { what: `BIRD to have ${expected} again`, timeoutMs: 60_000 })
  console.log('   new containers announce the same, without a lookup')
} finally {
  for (const close of closers.reverse()) await close()
}

function containers(...more: string[]): void {
  if (spawnSync(command, [...args, ...more], { stdio: ['ignore', 'inherit', 'inherit'] }).status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed`)
}

/** In the container that knows bindings. */
function inContainer(...what: string[]): string {
  const compose = args.slice(0, args.indexOf('up'))
  const service = args.at(-1) === 'all-in-one' ? 'all-in-one' : 'cache'
  const { stdout, stderr } = spawnSync(command, [...compose, 'exec', '-T', service, ...what], { encoding: 'utf8' })
  return stdout + stderr
}

async function announced(): Promise<number> {
  const routes: unknown = await (await fetch(`http://127.0.0.1:${admin}/api/routes`)).json()
  return Array.isArray(routes) ? routes.length : 0
}

/** The shipped configuration, with this router as its peer; documentation ranges stand for the internet. */
function configure(peer: string): void {
  mkdirSync(join(folder, 'etc'), { recursive: true })
  copyFileSync(join(shipped, 'domains.txt'), join(folder, 'etc/domains.txt'))
  const text = readFileSync(join(shipped, 'dnstap-bgp.toml'), 'utf8')
  const ours = text.replace(/^peers = \[\].*$/m, `peers = ["${peer}"]\nsourceIP = "${us}"\npassword = "${password}"`)
  if (ours === text) throw new Error('deploy/docker/dnstap-bgp.toml has no empty list of peers')
  writeFileSync(join(folder, 'etc/dnstap-bgp.toml'), `${ours}\n[never]\nallow = ["198.51.100.0/24", "2001:db8:51::/48"]\n`)
}
