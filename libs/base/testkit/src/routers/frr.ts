/** FRR's bgpd alone as a router in tests: without zebra and without kernel routes, asked by vtysh in JSON. */
import { join } from 'node:path'
import {
  ask,
  asPathOf,
  type Family,
  familiesOf,
  findProgram,
  launchRouter,
  type Router,
  type RouterDriver,
  type RouterOptions,
  routerIdOf,
  routerRoute,
  type SessionState,
  writeConfiguration,
} from './router.ts'

export const FRR_BGPD = '/usr/lib/frr/bgpd'

export function startFrr(options: RouterOptions): Promise<Router> {
  return launchRouter(frrDriver, options)
}

const frrDriver: RouterDriver = {
  kind: 'frr',
  prepare(folder, options) {
    const conf = writeConfiguration(folder, configuration(options))
    const where = ['-l', options.address, '-p', `${options.port}`]
    const files = ['-f', conf, '-i', join(folder, 'pid'), '--vty_socket', folder]
    return {
      command: findProgram(FRR_BGPD) ?? FRR_BGPD,
      args: ['-Z', '-n', '-S', '-P', '0', '--log', 'stdout', ...files, ...where],
    }
  },
  async session(folder, options) {
    const text = await vtysh(folder, `show bgp neighbors ${options.peerAddress} json`).catch(() => '{}')
    const neighbours = JSON.parse(text) as Record<string, { bgpState?: SessionState }>
    return neighbours[options.peerAddress]?.bgpState ?? 'Down'
  },
  async routes(folder, _options, family) {
    const table = JSON.parse(await vtysh(folder, `show bgp ${family} unicast json detail`)) as {
      routes?: Record<string, unknown>
    }
    return Object.entries(table.routes ?? {}).map(([prefix, entry]) => {
      const paths = (Array.isArray(entry) ? entry : (entry as { paths: unknown[] }).paths) as Partial<FrrPath>[]
      const path = paths.find((each) => each.nexthops !== undefined) ?? {}
      return routerRoute({
        prefix,
        nextHop: path.nexthops?.find((hop) => hop.scope !== 'link-local')?.ip ?? '',
        origin: path.origin,
        asPath: asPathOf(path.aspath?.string ?? ''),
        localPref: path.locPrf ?? path.localPref,
        med: path.metric ?? path.med,
        communities: [path.community, path.largeCommunity].flatMap((each) => each?.string.split(' ').filter(Boolean) ?? []),
      })
    })
  },
  async count(folder, _options, family) {
    const summary = JSON.parse(await vtysh(folder, `show bgp ${family} unicast summary json`)) as {
      peers?: Record<string, { pfxRcd?: number }>
    }
    return Object.values(summary.peers ?? {}).reduce((sum, peer) => sum + (peer.pfxRcd ?? 0), 0)
  },
  describe: (folder, options) => vtysh(folder, `show bgp neighbors ${options.peerAddress}`),
  async askRefresh(folder, options) {
    for (const family of familiesOf(options)) await vtysh(folder, `clear bgp ${family} unicast ${options.peerAddress} soft in`)
  },
}

interface FrrPath {
  readonly nexthops: readonly { readonly ip: string; readonly scope?: string }[]
  readonly origin: string
  readonly aspath: { readonly string: string }
  readonly locPrf: number
  readonly localPref: number
  readonly metric: number
  readonly med: number
  readonly community: { readonly string: string }
  readonly largeCommunity: { readonly string: string }
}

function vtysh(folder: string, command: string): Promise<string> {
  return ask('vtysh', ['--vty_socket', folder, '-d', 'bgpd', '-c', command])
}

function configuration(options: RouterOptions): string {
  const neighbour = `neighbor ${options.peerAddress}`
  const external = options.asn !== options.peerAsn
  const hold = options.holdTimeSeconds ?? 90
  const family = (name: Family) =>
    [
      ` address-family ${name} unicast`,
      `  ${neighbour} activate`,
      ...(options.maxPrefixes ? [`  ${neighbour} maximum-prefix ${options.maxPrefixes}`] : []),
      ' exit-address-family',
    ].join('\n')
  const lines = [
    `neighbor ${options.peerAddress} remote-as ${options.peerAsn}`,
    `${neighbour} port ${options.peerPort ?? 179}`,
    `${neighbour} update-source ${options.address}`,
    ...(options.passive === false ? [] : [`${neighbour} passive`]),
    ...(options.password === undefined ? [] : [`${neighbour} password ${options.password}`]),
    ...(options.gtsm === true ? [`${neighbour} ttl-security hops 1`] : external ? [`${neighbour} ebgp-multihop 8`] : []),
    `${neighbour} disable-connected-check`,
    `${neighbour} timers ${Math.floor(hold / 3)} ${hold}`,
    `${neighbour} timers connect 1`,
    `${neighbour} advertisement-interval 0`,
    ...(options.extendedNextHop === true ? [`${neighbour} capability extended-nexthop`] : []),
    ...(options.role === undefined ? [] : [`${neighbour} local-role ${options.role}`]),
  ]
  return `debug bgp neighbor-events
router bgp ${options.asn}
 bgp router-id ${routerIdOf(options)}
 bgp log-neighbor-changes
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
 ${options.gracefulRestart === false ? 'bgp graceful-restart-disable' : 'bgp graceful-restart'}
${options.longLivedGracefulRestart === true ? ' bgp long-lived-graceful-restart stale-time 60\n' : ''}${lines.map((line) => ` ${line}`).join('\n')}
${familiesOf(options).map(family).join('\n')}
`
}
