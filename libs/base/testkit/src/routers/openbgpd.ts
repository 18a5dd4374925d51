/** OpenBGPD as a router in tests. It needs root to start (it gives its privileges up), and installs no kernel routes. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  ask,
  asPathOf,
  type Family,
  familiesOf,
  launchRouter,
  type Router,
  type RouterDriver,
  type RouterOptions,
  routerIdOf,
  routerRoute,
  type SessionState,
  writeConfiguration,
} from './router.ts'

export const OPENBGPD = '/usr/sbin/bgpd'

export function startOpenbgpd(options: RouterOptions): Promise<Router> {
  return launchRouter(openbgpdDriver, options)
}

const openbgpdDriver: RouterDriver = {
  kind: 'openbgpd',
  prepare(folder, options) {
    mkdirSync('/run/openbgpd', { recursive: true }) // where it locks itself in
    return { command: OPENBGPD, args: ['-d', '-v', '-f', writeConfiguration(folder, configuration(folder, options))] }
  },
  async session(folder, options) {
    return (await neighbour(folder, options).catch(() => undefined))?.state ?? 'Down'
  },
  async routes(folder, options, family) {
    const words = ['-j', 'show', 'rib', 'detail', family === 'ipv4' ? 'inet' : 'inet6', 'neighbor', options.peerAddress, 'in']
    const rib = JSON.parse(await bgpctl(folder, ...words)) as { rib?: OpenbgpdRoute[] }
    return (rib.rib ?? []).map((route) =>
      routerRoute({
        prefix: route.prefix,
        nextHop: route.exit_nexthop,
        origin: route.origin,
        asPath: asPathOf(route.aspath ?? ''),
        localPref: route.localpref,
        med: route.metric,
        communities: [...(route.communities ?? []), ...(route.large_communities ?? [])],
      }),
    )
  },
  async count(folder, options, family) {
    if (familiesOf(options).length === 1) return (await neighbour(folder, options))?.stats?.prefixes?.received ?? 0
    const listing = await bgpctl(
      folder,
      'show',
      'rib',
      family === 'ipv4' ? 'inet' : 'inet6',
      'neighbor',
      options.peerAddress,
      'in',
    )
    return listing.split('\n').filter((line) => line.includes('/')).length
  },
  describe: (folder, options) => bgpctl(folder, 'show', 'neighbor', options.peerAddress),
  async askRefresh(folder, options) {
    await bgpctl(folder, 'neighbor', options.peerAddress, 'refresh')
  },
}

interface OpenbgpdRoute {
  readonly prefix: string
  readonly exit_nexthop: string
  readonly origin?: string
  readonly aspath?: string
  readonly localpref?: number
  readonly metric?: number
  readonly communities?: readonly string[]
  readonly large_communities?: readonly string[]
}

interface OpenbgpdNeighbour {
  readonly state: SessionState
  readonly stats?: { readonly prefixes?: { readonly received?: number } }
}

async function neighbour(folder: string, options: RouterOptions): Promise<OpenbgpdNeighbour | undefined> {
  const text = await bgpctl(folder, '-j', 'show', 'neighbor', options.peerAddress)
  return (JSON.parse(text) as { neighbors: OpenbgpdNeighbour[] }).neighbors[0]
}

function bgpctl(folder: string, ...words: string[]): Promise<string> {
  return ask('bgpctl', ['-s', join(folder, 'ctl'), ...words])
}

function configuration(folder: string, options: RouterOptions): string {
  const announce = (family: Family) =>
    `announce ${family === 'ipv4' ? 'IPv4' : 'IPv6'} ${familiesOf(options).includes(family) ? 'unicast' : 'none'}`
  const external = options.asn !== options.peerAsn
  const lines = [
    `remote-as ${options.peerAsn}`,
    `local-address ${options.address}`,
    `port ${options.peerPort ?? 179}`,
    ...(options.passive === false ? [] : ['passive']),
    ...(external && options.gtsm !== true ? ['multihop 8'] : []),
    ...(options.password === undefined ? [] : [`tcp md5sig password "${options.password}"`]),
    `ttl-security ${options.gtsm === true ? 'yes' : 'no'}`,
    `announce restart ${options.gracefulRestart === false ? 'no' : 'yes'}`,
    'announce enhanced refresh yes',
    ...(options.role === undefined ? [] : [`announce policy ${options.role}`]),
    ...(options.maxPrefixes ? [`max-prefix ${options.maxPrefixes} restart 1`] : []),
    announce('ipv4'),
    announce('ipv6'),
  ]
  return `AS ${options.asn}
router-id ${routerIdOf(options)}
listen on ${options.address} port ${options.port}
socket "${join(folder, 'ctl')}"
fib-update no
connect-retry 1
holdtime ${options.holdTimeSeconds ?? 90}
nexthop qualify via default
neighbor ${options.peerAddress} {
${lines.map((line) => `  ${line}`).join('\n')}
}
allow from any
`
}
