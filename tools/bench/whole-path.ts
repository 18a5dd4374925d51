/**
 * One of the two shapes, running, with a real BIRD behind it and a sender's socket before it: what the benches of the whole path share.
 *
 * Build first (npm run build). Everything runs on this machine, which the sender, the receivers and BIRD share.
 */
import {
  Daemon,
  dnsResponse,
  dnstapFrame,
  freePort,
  loopbackAddress,
  startNats,
  startProgram,
  startRedis,
  waitFor,
  type Server,
} from '@dnstap-bgp/testkit'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Shape = 'all-in-one' | 'services'

/** The n-th address; its /32 is what BIRD hears of. */
export const addressOf = (n: number) => `${20 + ((n >> 24) & 15)}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`

/** A frame, length in front, that says that a name of `domain` has the n-th address; 500 addresses to a zone. */
export function frameOf(n: number, domain: string, responseTimeMs?: number): Buffer {
  const qname = `h${n % 500}.z${Math.floor(n / 500)}.${domain}`
  return framed(
    dnstapFrame({
      response: dnsResponse({ qname, answers: [{ owner: qname, type: 'A', value: addressOf(n) }] }),
      identity: 'bench',
      ...(responseTimeMs === undefined ? {} : { responseTimeMs }),
    }),
  )
}

export interface WholePath {
  readonly bird: LoggingBird
  /** The last one has the socket. */
  readonly programs: readonly Daemon[]
  readonly redis: Server | undefined
  readonly nats: Server | undefined
  /** The port of NATS' monitoring. */
  readonly natsMonitor: number
  readonly natsUrl: string | undefined
  /** Resolves when the socket takes more. */
  send(frame: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** `lists`: domain to TTL. */
export async function startWholePath(shape: Shape, lists: Readonly<Record<string, string>>): Promise<WholePath> {
  const us = loopbackAddress()
  const bird = await startLoggingBird(us)
  const work = mkdtempSync(join(tmpdir(), 'dnstap-bgp-bench-'))
  for (const domain of Object.keys(lists)) writeFileSync(join(work, `${domain}.txt`), `${domain}\n`)
  const natsMonitor = await freePort('127.0.0.1')
  const nats = shape === 'services' ? await startNats({ extra: `http: "127.0.0.1:${natsMonitor}"` }) : undefined
  const redis = shape === 'services' ? await startRedis() : undefined
  const config = [
    shape === 'services' ? '' : 'cache = "cache"',
    ...Object.entries(lists).map(
      ([domain, ttl]) => `[[list]]
name = "${domain}"
source = "${work}/${domain}.txt"
ttl = "${ttl}"
newRoutesPerSecond = 1000000
newRoutesBurst = 10000000`,
    ),
    `[limits]
addressesPerName = 1000000
routes = 10000000
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
peers = ["${bird.address}:${bird.port}"]
[admin]
listen = "./admin.sock"`,
    nats === undefined ? '' : `[bus]\nservers = ["nats://${nats.url}"]`,
    redis === undefined ? '' : `[store]\nredis = "${redis.host}:${redis.port}"`,
  ].join('\n')
  const apps = shape === 'services' ? ['cache', 'bgp-announcer', 'dnstap-ingest'] : ['all-in-one']
  const programs: Daemon[] = []
  for (const app of apps)
    programs.push(await startProgram({ app, config: () => config, env: { NODE_OPTIONS: `--import=${HOLD_METER}` } }))
  const tap = programs[programs.length - 1]
  await waitFor(() => bird.control('show protocols').includes('Established'), { what: 'the BGP session' })
  const socket = connect(join(tap.folder, 'tap.sock'))
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  socket.resume()
  socket.write(START)
  return {
    bird,
    programs,
    redis,
    nats,
    natsMonitor,
    natsUrl: nats?.url,
    send: (frame) =>
      new Promise((resolve) => {
        if (socket.write(frame)) resolve()
        else socket.once('drain', () => resolve())
      }),
    async close() {
      socket.destroy()
      for (const program of [...programs].reverse()) await program.remove()
      await Promise.all([nats?.remove(), redis?.remove(), bird.daemon.remove()])
      rmSync(work, { recursive: true, force: true })
    },
  }
}

/** Counts how long the loop of each program was held; SIGUSR2 writes the longest since the last time into its folder. */
const HOLD_METER = `data:text/javascript,${encodeURIComponent(`
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { writeFileSync } from 'node:fs'
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
process.on('SIGUSR2', () => { writeFileSync('held', String(delay.max / 1e6)); delay.reset() })
`)}`

/** The longest time in ms since the last call that the loop of each program was held; a wait for a processor counts too. */
export async function heldMs(programs: readonly Daemon[]): Promise<number> {
  let longest = 0
  for (const program of programs) {
    const path = join(program.folder, 'held')
    rmSync(path, { force: true })
    program.signal('SIGUSR2')
    const read = () => {
      try {
        return readFileSync(path, 'utf8')
      } catch {
        return ''
      }
    }
    await waitFor(() => read() !== '', { what: `${program.name} to say how long it was held` })
    longest = Math.max(longest, Number(read()))
  }
  return longest
}

export interface LoggingBird {
  readonly daemon: Daemon
  readonly address: string
  readonly port: number
  control(command: string): string
  routes(): number
  /** When each route was first added, or first removed, by its prefix: Unix ms with microseconds. */
  times(what: 'added' | 'removed'): Map<string, number>
}

/** BIRD that writes down every route it hears, with microseconds. */
async function startLoggingBird(us: string): Promise<LoggingBird> {
  const address = loopbackAddress()
  const port = await freePort(address)
  const daemon = await Daemon.start({
    name: 'bird',
    prepare(folder) {
      writeFileSync(
        join(folder, 'conf'),
        `log "${folder}/routes.log" { trace };
timeformat log iso long us;
router id 192.0.2.2;
protocol device { }
protocol bgp peer {
  debug { routes };
  local ${address} port ${port} as 64512;
  neighbor ${us} as 64512;
  strict bind yes; multihop 8; passive yes; graceful restart aware;
  ipv4 { import all; export none; };
}
`,
      )
      return { command: 'bird', args: ['-f', '-c', join(folder, 'conf'), '-s', join(folder, 'ctl'), '-P', join(folder, 'pid')] }
    },
    ready: (one) => {
      try {
        return execFileSync('birdc', ['-s', join(one.folder, 'ctl'), 'show', 'status'], {
          stdio: ['ignore', 'pipe', 'ignore'],
        }).includes('up and running')
      } catch {
        return false
      }
    },
  })
  const control = (command: string) =>
    execFileSync('birdc', ['-s', join(daemon.folder, 'ctl'), ...command.split(' ')], { encoding: 'utf8' })
  return {
    daemon,
    address,
    port,
    control,
    routes: () => Number(/(\d+) imported/.exec(control('show protocols all peer'))?.[1] ?? 0),
    times(what) {
      const seen = new Map<string, number>()
      for (const line of linesOf(join(daemon.folder, 'routes.log'))) {
        const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\.(\d{6}) .* > (added|removed) (?:\[\w+\] )?(\S+\/32)/.exec(line)
        if (match === null || match[4] !== what || seen.has(match[5])) continue
        seen.set(match[5], new Date(`${match[1]}T${match[2]}`).getTime() + Number(match[3]) / 1000)
      }
      return seen
    },
  }
}

function* linesOf(path: string): Generator<string> {
  const file = openSync(path, 'r')
  const chunk = Buffer.alloc(1 << 20)
  let held = ''
  for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk)) {
    const lines = (held + chunk.toString('latin1', 0, length)).split('\n')
    held = lines.pop() ?? ''
    yield* lines
  }
  closeSync(file)
}

/** Unix ms, with fractions. */
export const now = () => performance.timeOrigin + performance.now()
export const percentile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
export const round = (value: number) => Math.round(value * 100) / 100

/** An argument of the command line: `--name value`. */
export function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}

function framed(frame: Uint8Array): Buffer {
  return Buffer.concat([u32(frame.length), frame])
}

function u32(value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}

const START = (() => {
  const type = Buffer.from('protobuf:dnstap.Dnstap')
  const body = Buffer.concat([u32(2), u32(1), u32(type.length), type])
  return Buffer.concat([u32(0), u32(body.length), body])
})()
