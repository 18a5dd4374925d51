/**
 * ExaBGP as a router in tests. It keeps no table: it tells a process of ours what it hears, in JSON lines. That process only writes
 * them to a file, which is read here when somebody asks; and passes on commands from a FIFO.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  familiesOf,
  launchRouter,
  type Router,
  type RouterDriver,
  type RouterOptions,
  type RouterRoute,
  routerIdOf,
  routerRoute,
  type SessionState,
  writeConfiguration,
} from './router.ts'

export function startExabgp(options: RouterOptions): Promise<Router> {
  return launchRouter(exabgpDriver, options)
}

const exabgpDriver: RouterDriver = {
  kind: 'exabgp',
  prepare(folder, options) {
    tables.set(folder, new HeardTable(join(folder, 'events')))
    rmSync(join(folder, 'events'), { force: true })
    rmSync(join(folder, 'commands'), { force: true })
    execFileSync('mkfifo', [join(folder, 'commands')])
    // The FIFO is open for both ways so that it never ends; the shell ends with what ExaBGP writes, in whatever way that went away.
    const script = `exec 3<>'${folder}/commands'\ncat <&3 &\ncat >'${folder}/events'\nkill $!\n`
    writeFileSync(join(folder, 'api.sh'), script)
    return {
      command: 'exabgp',
      args: [writeConfiguration(folder, configuration(folder, options))],
      env: {
        'exabgp.tcp.bind': options.passive === false ? '' : options.address,
        'exabgp.tcp.port': `${options.port}`,
        'exabgp.daemon.user': 'root',
        'exabgp.daemon.drop': 'false',
        'exabgp.api.cli': 'false',
        'exabgp.api.ack': 'false',
        'exabgp.log.level': 'INFO',
      },
    }
  },
  session: (folder) => Promise.resolve(existsSync(join(folder, 'events')) ? heard(folder).state : 'Down'),
  routes: (folder, _options, family) => Promise.resolve([...heard(folder).routes[family].values()].map((route) => route())),
  count: (folder, _options, family) => Promise.resolve(heard(folder).routes[family].size),
  describe: (folder) => Promise.resolve(heard(folder).notes.join('\n')),
  askRefresh(folder, options) {
    const commands = familiesOf(options).map((family) => `announce route-refresh ${family} unicast\n`)
    writeFileSync(join(folder, 'commands'), commands.join(''))
    return Promise.resolve()
  },
}

const tables = new Map<string, HeardTable>()

function heard(folder: string): HeardTable {
  const table = tables.get(folder)
  if (table === undefined) throw new Error('this ExaBGP was never started')
  table.readOn()
  return table
}

/** What the JSON lines so far amount to. */
class HeardTable {
  state: SessionState = 'Idle'
  routes = { ipv4: new Map<string, () => RouterRoute>(), ipv6: new Map<string, () => RouterRoute>() }
  readonly notes: string[] = []
  readonly #path: string
  #offset = 0
  #rest = ''

  constructor(path: string) {
    this.#path = path
  }

  readOn(): void {
    if (!existsSync(this.#path)) return
    const file = openSync(this.#path, 'r')
    const fresh = Buffer.alloc(fstatSync(file).size - this.#offset)
    this.#offset += readSync(file, fresh, 0, fresh.length, this.#offset)
    closeSync(file)
    const lines = (this.#rest + fresh.toString('utf8')).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#hear(JSON.parse(line) as ExabgpLine, line)
  }

  #hear(line: ExabgpLine, text: string): void {
    const { state, message } = line.neighbor ?? {}
    if (line.type === 'state') {
      this.state = ({ up: 'Established', connected: 'OpenSent', down: 'Active' } as const)[state ?? 'down'] ?? 'Active'
      if (state === 'down') for (const family of ['ipv4', 'ipv6'] as const) this.routes[family].clear()
      this.notes.push(text)
    } else if (line.type === 'open' || line.type === 'notification') this.notes.push(text)
    else if (line.type === 'update' && message?.update !== undefined) this.#update(message.update)
  }

  #update({ announce = {}, withdraw = {}, attribute = {} }: ExabgpUpdate): void {
    for (const [name, nextHops] of Object.entries(announce))
      for (const [nextHop, entries] of Object.entries(nextHops))
        for (const entry of entries) {
          if (typeof entry !== 'object') continue // an End-of-RIB
          const prefix = entry.nlri
          this.routes[familyNamed(name)].set(prefix, () => readRoute(prefix, nextHop, attribute))
        }
    for (const [name, entries] of Object.entries(withdraw))
      for (const entry of entries) this.routes[familyNamed(name)].delete(entry.nlri)
  }
}

interface ExabgpLine {
  readonly type: string
  readonly neighbor?: { readonly state?: 'up' | 'connected' | 'down'; readonly message?: { readonly update?: ExabgpUpdate } }
}

interface ExabgpUpdate {
  readonly announce?: Record<string, Record<string, ({ nlri: string } | string)[]>>
  readonly withdraw?: Record<string, { nlri: string }[]>
  readonly attribute?: Record<string, unknown>
}

function familyNamed(name: string): 'ipv4' | 'ipv6' {
  return name.startsWith('ipv6') ? 'ipv6' : 'ipv4'
}

function readRoute(prefix: string, nextHop: string, attribute: Record<string, unknown>): RouterRoute {
  const path = attribute['as-path'] ?? []
  const hops = Array.isArray(path)
    ? path
    : Object.values(path as Record<string, { value: number[] }>).flatMap((each) => each.value)
  const tags = [attribute['community'], attribute['large-community']].flatMap((each) => (each ?? []) as number[][])
  return routerRoute({
    prefix,
    nextHop,
    origin: attribute['origin'] as string | undefined,
    asPath: hops as number[],
    localPref: attribute['local-preference'] as number | undefined,
    med: attribute['med'] as number | undefined,
    communities: tags.map((each) => each.join(':')),
  })
}

function configuration(folder: string, options: RouterOptions): string {
  const neighbour = [
    `router-id ${routerIdOf(options)};`,
    `local-address ${options.address};`,
    `local-as ${options.asn};`,
    `peer-as ${options.peerAsn};`,
    `hold-time ${options.holdTimeSeconds ?? 90};`,
    options.passive === false ? `connect ${options.peerPort ?? 179};` : `passive true; listen ${options.port};`,
    options.password === undefined ? '' : `md5-password "${options.password}";`,
    options.gtsm === true ? 'outgoing-ttl 255; incoming-ttl 255;' : '',
  ]
  const capabilities = [
    'asn4 enable; route-refresh enable;',
    options.gracefulRestart === false ? '' : 'graceful-restart 60;',
    options.extendedNextHop === true ? 'nexthop enable;' : '',
    `extended-message ${options.extendedMessages === false ? 'disable' : 'enable'};`,
  ]
  return `process table { run /bin/sh ${join(folder, 'api.sh')}; encoder json; }
neighbor ${options.peerAddress} {
  ${neighbour.filter(Boolean).join('\n  ')}
  capability {
    ${capabilities.filter(Boolean).join('\n    ')}
  }
  family {${familiesOf(options)
    .map((family) => ` ${family} unicast;`)
    .join('')} }
${options.extendedNextHop === true ? '  nexthop { ipv4 unicast ipv6; }\n' : ''}  api { processes [ table ]; neighbor-changes; receive { parsed; update; open; notification; } }
}
`
}
