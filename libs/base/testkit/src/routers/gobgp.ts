/** GoBGP as a router in tests: no zebra, asked over its API on a UNIX socket. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  ask,
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

export function startGobgp(options: RouterOptions): Promise<Router> {
  return launchRouter(gobgpDriver, options)
}

const STATES: readonly SessionState[] = ['Down', 'Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established']
const ORIGINS = ['igp', 'egp', 'incomplete']

const gobgpDriver: RouterDriver = {
  kind: 'gobgp',
  prepare(folder, options) {
    const conf = writeConfiguration(folder, configuration(options))
    rmSync(join(folder, 'api'), { force: true }) // what a killed one left
    const api = `unix://${join(folder, 'api')}`
    return { command: 'gobgpd', args: ['-f', conf, '-t', 'toml', '--api-hosts', api, '--pprof-disable', '-p'] }
  },
  async session(folder, options) {
    const text = await gobgp(folder, '-j', 'neighbor', options.peerAddress).catch(() => '{}')
    const neighbour = JSON.parse(text) as { state?: { session_state?: number } }
    return STATES[neighbour.state?.session_state ?? 0] ?? 'Down'
  },
  async routes(folder, options, family) {
    const text = await gobgp(folder, '-j', 'neighbor', options.peerAddress, 'adj-in', '-a', family).catch(() => '{}')
    const table = (JSON.parse(text || '{}') ?? {}) as Record<string, { attrs: GobgpAttribute[] }[]>
    return Object.entries(table).map(([prefix, paths]) => {
      const byType = new Map(paths[0].attrs.map((attribute) => [attribute.type, attribute]))
      const plain = (byType.get(8)?.communities ?? []).map((each) => `${each >>> 16}:${each & 0xffff}`)
      const large = byType.get(32)?.value as { ASN: number; LocalData1: number; LocalData2: number }[] | undefined
      return routerRoute({
        prefix,
        nextHop: (byType.get(3) ?? byType.get(14))?.nexthop ?? '',
        origin: ORIGINS[Number(byType.get(1)?.value ?? 2)],
        asPath: (byType.get(2)?.as_paths ?? []).flatMap((segment) => segment.asns ?? []),
        localPref: byType.get(5)?.value as number | undefined,
        med: byType.get(4)?.metric,
        communities: [...plain, ...(large ?? []).map((each) => `${each.ASN}:${each.LocalData1}:${each.LocalData2}`)],
      })
    })
  },
  async count(folder, options, family) {
    const text = await gobgp(folder, '-j', 'neighbor', options.peerAddress, 'adj-in', 'summary', '-a', family).catch(() => '{}')
    return (JSON.parse(text || '{}') as { num_accepted?: number }).num_accepted ?? 0
  },
  describe: (folder, options) => gobgp(folder, 'neighbor', options.peerAddress),
  async askRefresh(folder, options) {
    await gobgp(folder, 'neighbor', options.peerAddress, 'softresetin')
  },
}

interface GobgpAttribute {
  readonly type: number
  readonly value?: unknown
  readonly nexthop?: string
  readonly metric?: number
  readonly communities?: readonly number[]
  readonly as_paths?: readonly { readonly asns?: readonly number[] }[]
}

function gobgp(folder: string, ...words: string[]): Promise<string> {
  return ask('gobgp', ['--target', `unix://${join(folder, 'api')}`, ...words])
}

function configuration(options: RouterOptions): string {
  const hold = options.holdTimeSeconds ?? 90
  const restart = options.gracefulRestart !== false
  const longLived = options.longLivedGracefulRestart === true
  const families = familiesOf(options).map(
    (family) => `
[[neighbors.afi-safis]]
  [neighbors.afi-safis.config]
    afi-safi-name = "${family}-unicast"
  [neighbors.afi-safis.mp-graceful-restart.config]
    enabled = ${restart}
  [neighbors.afi-safis.prefix-limit.config]
    max-prefixes = ${options.maxPrefixes ?? 0}
  [neighbors.afi-safis.long-lived-graceful-restart.config]
    enabled = ${longLived}
    restart-time = 60`,
  )
  return `[global.config]
  as = ${options.asn}
  router-id = "${routerIdOf(options)}"
  port = ${options.port}
  local-address-list = ["${options.address}"]

[[neighbors]]
  [neighbors.config]
    neighbor-address = "${options.peerAddress}"
    peer-as = ${options.peerAsn}
    auth-password = "${options.password ?? ''}"
  [neighbors.transport.config]
    local-address = "${options.address}"
    remote-port = ${options.peerPort ?? 179}
    passive-mode = ${options.passive !== false}
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
    hold-time = ${hold}
    keepalive-interval = ${Math.max(1, Math.floor(hold / 3))}
  [neighbors.ttl-security.config]
    enabled = ${options.gtsm === true}
    ttl-min = 255
  [neighbors.ebgp-multihop.config]
    enabled = ${options.gtsm !== true}
    multihop-ttl = 64
  [neighbors.graceful-restart.config]
    enabled = ${restart}
    helper-only = ${!longLived}
    restart-time = 60
    long-lived-enabled = ${longLived}
${families.join('\n')}
`
}
