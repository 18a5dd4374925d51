/**
 * The recipes of docs/bgp.md as they stand there: router and all-in-one each in a network namespace, joined by a veth pair.
 *
 * A section's `toml` is our [bgp], its block named after a router is that router's whole configuration, its `sh` sets up the link.
 */
import { bundleOf, Daemon, dnsResponse, dnstapFrame, isInstalled, type RouterKind, waitFor } from '@dnstap-bgp/testkit'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { tell } from './frame-stream.ts'

const page = readFileSync(new URL('../../../docs/bgp.md', import.meta.url), 'utf8')
const recipes = page
  .split(/^## /m)
  .slice(1)
  .map((text) => {
    const blocks = new Map([...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map((match) => [match[1], match[2]]))
    const kind = (['bird', 'frr', 'gobgp', 'openbgpd'] as const).find((name) => blocks.has(name))
    return { title: text.split('\n')[0].replaceAll('_', ''), kind, blocks }
  })
  .filter((recipe) => recipe.kind !== undefined) as { title: string; kind: Namespaced; blocks: Map<string, string> }[]
type Namespaced = Exclude<RouterKind, 'exabgp'>

// Names of this process alone.
const box = `dnstap-bgp-${process.pid}`
const ours = `${box}-o`
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const mayMakeNamespaces =
  isInstalled('ip') && spawnSync('ip', ['netns', 'add', box]).status === 0 && spawnSync('ip', ['netns', 'del', box]).status === 0

let daemons: Daemon[] = []

afterEach(async () => {
  for (const each of daemons.reverse()) await each.remove()
  daemons = []
  for (const name of [box, ours]) spawnSync('ip', ['netns', 'del', name])
})

describe.skipIf(!mayMakeNamespaces)('docs/bgp.md (skipped where network namespaces cannot be made)', () => {
  test('has a recipe for each router', () => {
    expect(new Set(recipes.map(({ kind }) => kind))).toEqual(new Set(['bird', 'frr', 'gobgp', 'openbgpd']))
  })

  test.for(recipes)('$title: the routes arrive and can be used', async ({ kind, blocks }, { skip }) => {
    if (!isInstalled(kind)) skip(`${kind} is not installed`)
    const bgp = blocks.get('toml') ?? ''
    const hasIpv6 = bgp.includes('IPv6')
    const where = link(blocks.get('sh'), bgp)
    const router = await startRouterInBox(kind, blocks.get(kind) ?? '')
    const program = await startOurs(where, (folder) => {
      writeFileSync(join(folder, 'domains.txt'), 'listed.example\n')
      return `domains = "domains.txt"\nipv6 = ${hasIpv6}\n[dnstap]\nlisten = ["./tap.sock"]\n[admin]\nlisten = "./admin.sock"\n${bgp}`
    })
    const owner = 'www.listed.example'
    await tell(join(program.folder, 'tap.sock'), [
      dnstapFrame({ response: dnsResponse({ qname: owner, answers: [{ owner, type: 'A', value: '20.1.0.1' }] }) }),
      dnstapFrame({ response: dnsResponse({ qname: owner, qtype: 28, answers: [{ owner, type: 'AAAA', value: '2600:1::1' }] }) }),
    ])
    const said = () => `${daemons.map((each) => each.log().slice(-2000)).join('\n')}`
    const lookUp = (address: string) => whereTo(kind, router.folder, address)
    await waitFor(() => /192\.0\.2\.9/.test(lookUp('20.1.0.1')), {
      what: () => `the IPv4 route with its next hop in ${kind}:\n${said()}`,
    })
    if (hasIpv6)
      await waitFor(() => /2001:db8::9/.test(lookUp('2600:1::1')), { what: () => `the IPv6 route in ${kind}:\n${said()}` })
  })
})

/** The namespaces and what joins them; returns that of ours. */
function link(script: string | undefined, bgp: string): string {
  run('ip', 'netns', 'add', box)
  run('ip', '-n', box, 'link', 'set', 'lo', 'up')
  const isSameBox = script !== undefined || bgp.includes('127.0.0.1')
  if (isSameBox) {
    run('ip', '-n', box, 'link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', 'far-end')
    run('ip', '-n', box, 'link', 'set', 'far-end', 'up')
    addresses(box, 'uplink', '2')
    // Not "ip netns exec": namespaces made under it would be seen by nobody else.
    if (script !== undefined) run('nsenter', `--net=/run/netns/${box}`, 'sh', '-ec', script.replace(/\bdnstap\b/g, ours))
    return script === undefined ? box : ours
  }
  run('ip', 'netns', 'add', ours)
  run('ip', '-n', box, 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', ours)
  addresses(box, 'wire', '2')
  addresses(ours, 'wire', '1')
  return ours
}

function addresses(namespace: string, device: string, last: string): void {
  run('ip', '-n', namespace, 'link', 'set', device, 'up')
  run('ip', '-n', namespace, 'addr', 'add', `192.0.2.${last}/24`, 'dev', device)
  run('ip', '-n', namespace, 'addr', 'add', `2001:db8::${last}/64`, 'dev', device, 'nodad')
}

async function startOurs(namespace: string, config: (folder: string) => string): Promise<Daemon> {
  return start(
    namespace,
    'all-in-one',
    (folder) => {
      const path = join(folder, 'dnstap-bgp.toml')
      writeFileSync(path, config(folder))
      return [process.execPath, bundleOf('all-in-one'), '--config', path]
    },
    (daemon) => daemon.log().includes('all-in-one runs.'),
  )
}

async function startRouterInBox(kind: Namespaced, configuration: string): Promise<Daemon> {
  const write = (folder: string, text = configuration) => {
    const path = join(folder, 'conf')
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  if (kind === 'bird')
    return start(
      box,
      'bird',
      (folder) => ['bird', '-f', '-c', write(folder), '-s', join(folder, 'ctl'), '-P', join(folder, 'pid')],
      ({ folder }) => answers('birdc', '-s', join(folder, 'ctl'), 'show', 'status'),
    )
  if (kind === 'gobgp')
    return start(
      box,
      'gobgpd',
      (folder) => [
        'gobgpd',
        '-f',
        write(folder),
        '-t',
        'toml',
        '--api-hosts',
        `unix://${join(folder, 'api')}`,
        '--pprof-disable',
        '-p',
      ],
      ({ folder }) => answers('gobgp', '--target', `unix://${join(folder, 'api')}`, 'neighbor'),
    )
  if (kind === 'openbgpd')
    return start(
      box,
      'bgpd',
      (folder) => ['/usr/sbin/bgpd', '-d', '-v', '-f', write(folder, `socket "${join(folder, 'ctl')}"\n${configuration}`)],
      ({ folder }) => answers('bgpctl', '-s', join(folder, 'ctl'), 'show'),
    )
  const zebra = await start(
    box,
    'zebra',
    (folder) => {
      chmodSync(folder, 0o777) // it gives its privileges up
      return [
        '/usr/lib/frr/zebra',
        '-z',
        join(folder, 'zserv'),
        '-i',
        join(folder, 'zebra.pid'),
        '--vty_socket',
        folder,
        '--log',
        'stdout',
      ]
    },
    ({ folder }) => answers('vtysh', '--vty_socket', folder, '-d', 'zebra', '-c', 'show interface brief'),
  )
  const { folder } = zebra
  await start(
    box,
    'bgpd',
    () => [
      '/usr/lib/frr/bgpd',
      '-S',
      '-P',
      '0',
      '-z',
      join(folder, 'zserv'),
      '-f',
      write(folder),
      '-i',
      join(folder, 'bgpd.pid'),
      '--vty_socket',
      folder,
      '--log',
      'stdout',
    ],
    () => answers('vtysh', '--vty_socket', folder, '-d', 'bgpd', '-c', 'show bgp summary'),
  )
  return zebra
}

async function start(
  namespace: string,
  name: string,
  command: (folder: string) => string[],
  ready: (daemon: Daemon) => boolean,
): Promise<Daemon> {
  const prepare = (folder: string) => ({ command: 'ip', args: ['netns', 'exec', namespace, ...command(folder)] })
  const daemon = await Daemon.start({ name, prepare, ready })
  daemons.push(daemon)
  return daemon
}

function answers(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0
}

/** Where the router sends what goes to an address: by the kernel's table where it fills that, else by its own words. */
function whereTo(kind: Namespaced, folder: string, address: string): string {
  if (kind === 'gobgp')
    return run(
      'gobgp',
      '--target',
      `unix://${join(folder, 'api')}`,
      'global',
      'rib',
      address,
      '-a',
      address.includes(':') ? 'ipv6' : 'ipv4',
    )
  if (kind === 'openbgpd') return run('bgpctl', '-s', join(folder, 'ctl'), 'show', 'rib', 'best', address)
  return run('ip', '-n', box, address.includes(':') ? '-6' : '-4', 'route', 'show', address)
}
