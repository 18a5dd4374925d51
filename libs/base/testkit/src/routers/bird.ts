/**
 * BIRD 2 as a router in tests: no kernel protocol, so it never touches the kernel's routes.
 *
 * We speak to its control socket ourselves (lines of `NNNN text`, `-` for "more to come", a leading blank for "same code again"):
 * a client process per question would cost more than BIRD's answer.
 */
import { connect } from 'node:net'
import { join } from 'node:path'
import {
  asPathOf,
  type Family,
  familiesOf,
  findProgram,
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

export function startBird(options: RouterOptions): Promise<Router> {
  return launchRouter(birdDriver, options)
}

export const birdDriver: RouterDriver = {
  kind: 'bird',
  prepare(folder, options) {
    const conf = writeConfiguration(folder, configuration(options))
    const command = findProgram('bird') ?? 'bird'
    return { command, args: ['-f', '-c', conf, '-s', join(folder, 'ctl'), '-P', join(folder, 'pid')] }
  },
  async session(folder) {
    const text = await birdCommand(folder, 'show protocols all peer').catch(() => '')
    const state = /BGP state:\s+(\w+)/.exec(text)?.[1]
    if (state === undefined) return 'Down'
    return ({ Passive: 'Active', Close: 'Idle', Down: 'Idle' }[state] ?? state) as SessionState
  },
  async routes(folder, _options, family) {
    return parseBirdRoutes(await birdCommand(folder, `show route all table ${table(family)}`))
  },
  async count(folder, _options, family) {
    const text = await birdCommand(folder, 'show protocols all peer')
    const channel = text.split(/^ +Channel /m).find((part) => part.startsWith(family))
    return Number(/Routes:\s+(\d+) imported/.exec(channel ?? '')?.[1] ?? 0)
  },
  describe: (folder) => birdCommand(folder, 'show protocols all peer'),
  async askRefresh(folder) {
    await birdCommand(folder, 'reload in peer')
  },
}

/** Asks BIRD, as birdc does; the answer without its codes. */
export function birdCommand(folder: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(folder, 'ctl'))
    const chunks: Buffer[] = []
    let greeted = false
    let tail = '' // of what came last: enough to see the closing line
    socket.setTimeout(60_000, () => socket.destroy(new Error(`BIRD does not answer: ${command}`)))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('BIRD closed its control socket')))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      tail = (tail + chunk.toString('latin1')).slice(-512)
      if (!/(^|\n)\d{4} [^\n]*\n$/.test(tail)) return
      if (!greeted) {
        greeted = true
        chunks.length = 0
        tail = ''
        socket.write(`${command}\n`)
        return
      }
      const text = Buffer.concat(chunks).toString('utf8')
      socket.removeAllListeners('close')
      socket.destroy()
      const failed = /^[89]\d{3} (.*)$/m.exec(text)
      if (failed !== null) reject(new Error(`BIRD: ${failed[1]}`))
      else resolve(text.replace(/^(\d{4}[ -]| )/gm, ''))
    })
  })
}

/** Reads `show route all`: a line per route, then an indented line per attribute; nameless prefixes repeat the one above. */
export function parseBirdRoutes(text: string): RouterRoute[] {
  const routes: RouterRoute[] = []
  let prefix: string | undefined
  let attributes = new Map<string, string>()
  const close = () => {
    if (prefix === undefined) return
    const pairs = [...(attributes.get('community') ?? '').matchAll(/\(([^)]*)\)/g)]
    const triples = [...(attributes.get('large_community') ?? '').matchAll(/\(([^)]*)\)/g)]
    const number = (name: string) => (attributes.has(name) ? Number(attributes.get(name)) : undefined)
    routes.push(
      routerRoute({
        prefix,
        nextHop: (attributes.get('next_hop') ?? '').split(' ')[0],
        origin: attributes.get('origin'),
        asPath: asPathOf(attributes.get('as_path') ?? ''),
        localPref: number('local_pref'),
        med: number('med'),
        communities: [...pairs, ...triples].map((match) => match[1].replace(/\s/g, '').replaceAll(',', ':')),
      }),
    )
  }
  for (const line of text.split('\n')) {
    const route = /^(\S+\/\d+)\s/.exec(line)
    const attribute = /^\s+BGP\.(\w+): ?(.*)$/.exec(line)
    if (route !== null) {
      close()
      prefix = route[1]
      attributes = new Map()
    } else if (attribute !== null) attributes.set(attribute[1], attribute[2].trim())
  }
  close()
  return routes
}

function table(family: Family): string {
  return family === 'ipv4' ? 'master4' : 'master6'
}

function configuration(options: RouterOptions): string {
  const onOff = (value: boolean) => (value ? 'yes' : 'no')
  const channels = familiesOf(options).map((family) =>
    [
      `  ${family} {`,
      '    import all; export none;',
      family === 'ipv4' && options.extendedNextHop === true ? '    extended next hop yes;' : '',
      options.maxPrefixes ? `    import limit ${options.maxPrefixes} action restart;` : '',
      '  };',
    ].join('\n'),
  )
  return `log stderr all;
router id ${routerIdOf(options)};
debug protocols { states, events };
protocol device { }
protocol bgp peer {
  local ${options.address} port ${options.port} as ${options.asn};
  neighbor ${options.peerAddress} port ${options.peerPort ?? 179} as ${options.peerAsn};
  strict bind yes; # listens on this address alone
  multihop ${options.gtsm === true ? 1 : 8}; # "direct" wants an interface whose subnet holds the neighbour
  ttl security ${onOff(options.gtsm === true)};
  passive ${onOff(options.passive !== false)};
  connect delay time 1; connect retry time 2; error wait time 1, 4;
  hold time ${options.holdTimeSeconds ?? 90};
  enable extended messages ${onOff(options.extendedMessages !== false)};
  graceful restart ${options.gracefulRestart === false ? 'off' : 'aware'};
  long lived graceful restart ${options.longLivedGracefulRestart === true ? 'aware' : 'off'};
  ${options.password === undefined ? '' : `password "${options.password}";`}
  ${options.role === undefined ? '' : `local role ${options.role};`}
${channels.join('\n')}
}
`
}
