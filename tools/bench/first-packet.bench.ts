/**
 * The first packet: from a resolver's answer to the UPDATE and to the kernel route of a BIRD in a namespace, for each resolver and each way to
 * be faster; and whether a client that connects at once takes the right way.
 *
 * Usage: tsx tools/bench/first-packet.bench.ts [--json] [--only unbound,dnsdist] [--modes hook,hold] [--count 300] [--realtime]
 * `--realtime`: our program, the resolver, BIRD and the prober come before everything else on this machine, for one that is busy.
 *
 * Each row has a fresh resolver, a fresh program of ours and names that nobody asked for before. first_packet.py asks, hears the UPDATEs as a second
 * router, and watches the routes in the namespace; datagrams and segments have the kernel's time. A row that cannot be had says why.
 */
import {
  askAdmin,
  Daemon,
  freePort,
  isInstalled,
  loopbackAddress,
  startAuthority,
  startBind,
  startDnsdist,
  startKnotResolver,
  startPdnsRecursor,
  startProgram,
  startUnbound,
  runToEnd,
  waitFor,
  type Authority,
  type Resolver,
} from '@dnstap-bgp/testkit'
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { option, percentile, round } from './whole-path.ts'

const json = process.argv.includes('--json')
const only = option('only', 'unbound,bind,knot-resolver,pdns-recursor,dnsdist').split(',')
const wantedModes = option('modes', 'bare,tuned,metronome,hook,hold,first SYN').split(',')
const count = Number(option('count', '200'))
const realtime = process.argv.includes('--realtime')
const ZONE = 'listed.test'
const NAMES = 60_000
const HOLD_MS = 50
const DNSDIST_HOLD_MS = 10
const IN_ROOT = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const HOOK = (name: string) => IN_ROOT(`deploy/resolvers/${name}`)

interface Place {
  readonly socket: string
  readonly folder: string
  readonly zones: readonly string[]
  readonly authority: Authority
}

interface Mode {
  /** A row is measured in the modes that its resolver has in STARTS. */
  readonly name: string
  /** Questions, and the mean pause between them: a resolver that reports late needs time between them. */
  readonly count: number
  readonly gapSeconds: number
  /** Questions before those that count, and the pause behind them: code that runs for the first time is slow. */
  readonly warmUp?: { readonly count: number; readonly pauseSeconds: number }
  /** Further lines of our configuration, when the resolver runs; absent: our program is started before the resolver. */
  readonly config?: (resolver: Resolver, kind: string) => string
  /** A client opens TCP right after its answer. */
  readonly opensTcp?: boolean
}

/** A hook that has waited in vain rests for ten seconds. */
const BEFORE_HOLDS = { count: 200, pauseSeconds: 11 }

/** The metronome's rows: `config` gives its [[resolver]] table. */
const MODES: readonly Mode[] = [
  { name: 'bare', count: 30, gapSeconds: 0.4 },
  { name: 'tuned', count: 30, gapSeconds: 0.4 },
  { name: 'hook', count, gapSeconds: 0.03, warmUp: { count: 100, pauseSeconds: 1 } },
  { name: 'hold', count, gapSeconds: 0.03, warmUp: BEFORE_HOLDS },
  { name: 'first SYN', count, gapSeconds: 0.05, warmUp: BEFORE_HOLDS, opensTcp: true },
]

type Start = (place: Place) => Promise<Resolver>

const TUNED_FSTRM =
  '{ bufferHint = 1024, flushTimeout = 1, inputQueueSize = 512, outputQueueSize = 2, queueNotifyThreshold = 510 }'
const BIND_TUNED = [
  'fstrm-set-input-queue-size 512;',
  'fstrm-set-output-notify-threshold 510;',
  'fstrm-set-output-queue-size 2;',
  'fstrm-set-buffer-hint 1024;',
  'fstrm-set-flush-timeout 1;',
]

const unboundHook =
  (holdMs: number): Start =>
  ({ socket, ...others }) =>
    startUnbound({
      ...others,
      pythonModule: {
        script: HOOK('unbound.py'),
        env: { DNSTAP_BGP_SOCKET: socket, DNSTAP_BGP_IDENTITY: 'bench', DNSTAP_BGP_HOLD_MS: String(holdMs) },
      },
    })
const kresdHook =
  (holdMs: number): Start =>
  ({ socket, ...others }) =>
    startKnotResolver({ ...others, lines: `dofile('${HOOK('kresd.lua')}')('${socket}', 'bench', ${holdMs})\n` })
const pdnsHook =
  (holdMs: number): Start =>
  ({ socket, ...others }) =>
    startPdnsRecursor({ ...others, lines: `dofile('${HOOK('recursor.lua')}')('${socket}', 'bench', ${holdMs})\n` })

/** dnsdist in front of an Unbound that reports nothing itself. */
async function dnsdistWith(place: Place, lines: string): Promise<Resolver> {
  const behind = await startUnbound({ zones: place.zones, authority: place.authority })
  const front = await startDnsdist({ zones: place.zones, authority: behind, lines })
  return {
    ...front,
    async remove() {
      await front.remove()
      await behind.remove()
    },
  }
}
const dnsdistTap = (socket: string, fstrm: string) =>
  `tap = newFrameStreamUnixLogger('${socket}'${fstrm})\naddResponseAction(AllRule(), DnstapLogResponseAction('bench', tap))\n`

async function dnsdistHold(place: Place): Promise<Resolver> {
  const config = join(place.folder, 'dnstap-bgp.toml')
  const { code, output } = await runToEnd('cli', [
    'resolver-config',
    'dnsdist',
    '--hold',
    `${DNSDIST_HOLD_MS}ms`,
    '--config',
    config,
  ])
  if (code !== 0) throw new Error(output)
  return dnsdistWith(place, output.slice(output.indexOf('-- For dnsdist')))
}

async function bindHook({ socket, folder, ...others }: Place): Promise<Resolver> {
  const built = join(folder, 'bind')
  cpSync(HOOK('bind'), built, { recursive: true })
  execFileSync('make', ['-C', built, '-B'], { stdio: 'pipe' })
  return startBind({
    ...others,
    lines: `plugin query "${join(built, 'dnstap_bgp.so')}" { socket "${socket}"; identity "bench"; };`,
  })
}

interface Kind {
  readonly needs: readonly string[]
  readonly starts: Readonly<Record<string, Start>>
}

const pythonModule = existsSync('/usr/lib/python3/dist-packages/unboundmodule.py') ? [] : ['python3-unbound']
const bindHeaders = existsSync('/usr/include/ns/hooks.h') ? [] : ['bind9-dev']

const KINDS: Readonly<Record<string, Kind>> = {
  unbound: {
    needs: ['unbound'],
    starts: {
      bare: ({ socket, ...others }) => startUnbound({ ...others, dnstap: socket }),
      hook: unboundHook(0),
      hold: unboundHook(HOLD_MS),
      'first SYN': unboundHook(HOLD_MS),
    },
  },
  bind: {
    needs: ['named'],
    starts: {
      bare: ({ socket, ...others }) => startBind({ ...others, dnstap: socket }),
      tuned: ({ socket, ...others }) => startBind({ ...others, dnstap: socket, optionLines: BIND_TUNED }),
      hook: bindHook,
    },
  },
  'knot-resolver': {
    needs: ['kresd'],
    starts: {
      bare: ({ socket, ...others }) => startKnotResolver({ ...others, dnstap: socket }),
      hook: kresdHook(0),
      hold: kresdHook(HOLD_MS),
    },
  },
  'pdns-recursor': {
    needs: ['pdns_recursor'],
    starts: {
      bare: ({ socket, ...others }) => startPdnsRecursor({ ...others, dnstap: socket }),
      hook: pdnsHook(0),
      hold: pdnsHook(HOLD_MS),
    },
  },
  dnsdist: {
    needs: ['dnsdist', 'unbound'],
    starts: {
      bare: (place) => dnsdistWith(place, dnsdistTap(place.socket, '')),
      tuned: (place) => dnsdistWith(place, dnsdistTap(place.socket, `, ${TUNED_FSTRM}`)),
      hook: (place) =>
        dnsdistWith(
          place,
          `addResponseAction(AllRule(), LuaFFIResponseAction(dofile('${HOOK('dnsdist.lua')}')('${place.socket}', 'bench')))\n`,
        ),
      hold: dnsdistHold,
      'first SYN': dnsdistHold,
    },
  },
}

function comesFirst(pid: number | undefined): void {
  if (realtime && pid !== undefined) execFileSync('chrt', ['--all-tasks', '--rr', '--pid', '1', String(pid)], { stdio: 'pipe' })
}

/** A namespace with two ways out: its default route leads by the first, the routes of listed names by the second. */
class RouterNamespace {
  readonly name = `dnstap-bgp-${process.pid}`
  readonly interfaces = [0, 1].map((i) => `fp${process.pid % 100_000}${'ab'[i]}`)
  static readonly US = ['198.18.77.1', '198.18.77.5']
  static readonly ROUTER = ['198.18.77.2', '198.18.77.6']
  #bird: Daemon | undefined

  async start(): Promise<void> {
    this.#ip('netns', 'add', this.name)
    this.#ip('-n', this.name, 'link', 'set', 'lo', 'up')
    this.interfaces.forEach((ours, i) => {
      this.#ip('link', 'add', ours, 'type', 'veth', 'peer', 'name', `${ours}r`, 'netns', this.name)
      this.#ip('addr', 'add', `${RouterNamespace.US[i]}/30`, 'dev', ours)
      this.#ip('link', 'set', ours, 'up')
      this.#ip('-n', this.name, 'addr', 'add', `${RouterNamespace.ROUTER[i]}/30`, 'dev', `${ours}r`)
      this.#ip('-n', this.name, 'link', 'set', `${ours}r`, 'up')
    })
    this.#ip('-n', this.name, 'route', 'add', 'default', 'via', RouterNamespace.US[0])
    this.#bird = await Daemon.start({
      name: 'bird',
      prepare: (folder) => {
        const conf = join(folder, 'conf')
        writeFileSync(
          conf,
          `router id 198.18.77.2;
protocol device { }
protocol direct { ipv4; }
protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
protocol bgp peer {
  local ${RouterNamespace.ROUTER[0]} as 64512;
  neighbor ${RouterNamespace.US[0]} as 64512;
  passive yes; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export none; };
}
`,
        )
        const bird = ['bird', '-f', '-c', conf, '-s', join(folder, 'ctl'), '-P', join(folder, 'pid')]
        return { command: 'ip', args: ['netns', 'exec', this.name, ...bird] }
      },
      ready: (daemon) => existsSync(join(daemon.folder, 'ctl')),
    })
    comesFirst(this.#bird.pid)
  }

  isEstablished(): boolean {
    const folder = this.#bird?.folder ?? ''
    return execFileSync('birdc', ['-s', join(folder, 'ctl'), 'show', 'protocols'], { encoding: 'utf8' }).includes('Established')
  }

  async remove(): Promise<void> {
    await this.#bird?.remove()
    for (const args of [
      ['link', 'del', this.interfaces[0]],
      ['link', 'del', this.interfaces[1]],
      ['netns', 'del', this.name],
    ])
      try {
        this.#ip(...args)
      } catch {
        // It was not made.
      }
  }

  #ip(...args: string[]): void {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
}

type Times = readonly (number | null)[]

/** The python that asks and watches; `go` lets it ask when everything else is ready. */
function startProber(args: readonly string[]) {
  const child = spawn('/usr/bin/python3', [fileURLToPath(new URL('first_packet.py', import.meta.url)), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  comesFirst(child.pid)
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const said = (what: string) => waitFor(() => lines.includes(what) || child.exitCode !== null, { timeoutMs: 60_000, what })
  return {
    listening: () => said('listening'),
    established: () => said('established'),
    async go(): Promise<{ readonly wrong: number; readonly lookups: readonly Times[] }> {
      child.stdin.write('\n')
      if ((await ended) !== 0) throw new Error('first_packet.py failed')
      return JSON.parse(lines.at(-1) ?? '') as { wrong: number; lookups: Times[] }
    },
    end: () => child.kill('SIGKILL'),
  }
}

function configOf(folder: string, us: string, prober: string, types: string, more: string): string {
  return `[[list]]
name = "default"
source = "${folder}/names"
newRoutesPerSecond = 1000000
newRoutesBurst = 1000000
[lists]
namesFile = "${folder}/names.cdb"
[limits]
routes = 10000000
[dnstap]
listen = "${folder}/dnstap.sock"
perm = "0666"
types = ["${types}"]
[bgp]
as = 64512
routerID = "192.0.2.1"
nextHop = "${RouterNamespace.US[1]}"
onStop = "withdraw"
[[bgp.peer]]
name = "bird"
address = "${RouterNamespace.ROUTER[0]}"
sourceIP = "${RouterNamespace.US[0]}"
confirm = true
[[bgp.peer]]
name = "prober"
address = "${prober}"
sourceIP = "${us}"
[admin]
listen = "./admin.sock"
${more}`
}

async function measure(kind: string, mode: Mode, start: Start, router: RouterNamespace, authority: Authority, first: number) {
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-first-packet-'))
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'names'), `${ZONE}\n`)
  const us = loopbackAddress()
  const proberAt = `${loopbackAddress()}:${await freePort('127.0.0.1')}`
  const place: Place = { socket: join(folder, 'dnstap.sock'), folder, zones: [ZONE], authority }
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  // The Recursor's own dnstap knows no answers to clients.
  const types = kind === 'pdns-recursor' && mode.name === 'bare' ? 'RESOLVER_RESPONSE' : 'CLIENT_RESPONSE'
  const startOurs = async (more = '') => {
    const config = configOf(folder, us, proberAt, types, more)
    writeFileSync(join(folder, 'dnstap-bgp.toml'), config)
    const program = await startProgram({ app: 'all-in-one', config: () => config })
    closers.push(() => program.remove())
    comesFirst(program.pid)
    return program
  }
  try {
    let program = mode.config === undefined ? await startOurs() : undefined
    const resolver = await start(place)
    closers.push(() => resolver.remove())
    comesFirst(resolver.daemon.pid)
    program ??= await startOurs(mode.config?.(resolver, kind))
    const warm = mode.warmUp?.count ?? 0
    const syn = mode.opensTcp === true ? ['--syn', router.interfaces.join(',')] : []
    const prober = startProber([
      ...['--dns', `${resolver.address}:${resolver.port}`, '--bgp', proberAt, '--netns', router.name, '--zone', ZONE],
      ...[
        '--first',
        String(first),
        '--warm',
        String(warm),
        '--pause',
        String(mode.warmUp?.pauseSeconds ?? 0),
        '--count',
        String(mode.count),
        '--gap',
        String(mode.gapSeconds),
        ...syn,
      ],
    ])
    closers.push(() => prober.end())
    await prober.listening()
    await waitFor(() => router.isEstablished(), { timeoutMs: 60_000, what: 'the session with BIRD' })
    await prober.established()
    const { wrong, lookups } = await prober.go()
    return { ...rowOf(kind, mode, wrong, lookups, router), held: await heldBy(program) }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

/** Answers that a hook held back: how many until they were routed, and how many in vain. */
async function heldBy(program: Daemon): Promise<string> {
  const { text } = await askAdmin(join(program.folder, 'admin.sock'), 'GET', '/metrics')
  const of = (result: string) => new RegExp(`held_answers_total\\{result="${result}"\\} (\\d+)`).exec(text)?.[1] ?? '0'
  return of('routed') === '0' && of('late') === '0' ? '-' : `${of('routed')} routed, ${of('late')} late`
}

function rowOf(kind: string, mode: Mode, wrong: number, lookups: readonly Times[], router: RouterNamespace) {
  const between = (from: number, to: number) =>
    lookups
      .flatMap((times) => {
        const [a, b] = [times[from], times[to]]
        return typeof a === 'number' && typeof b === 'number' ? [1000 * (b - a)] : []
      })
      .sort((a, b) => a - b)
  const updates = between(1, 2)
  const routes = between(1, 3)
  const answers = between(0, 1)
  const figures = (sorted: readonly number[]) =>
    sorted.length === 0 ? '-' : `${round(percentile(sorted, 0.5))} / ${round(percentile(sorted, 0.99))}`
  const before = (sorted: readonly number[]) => sorted.filter((ms) => ms <= 0).length
  const bySecond = lookups.filter((times) => (times[4] as unknown) === router.interfaces[1]).length
  return {
    resolver: kind,
    mode: mode.name,
    lookups: lookups.length,
    'lookup p50 / p99 ms': figures(answers),
    'answer → UPDATE p50 / p99 ms': figures(updates),
    'answer → kernel route p50 / p99 ms': figures(routes),
    'UPDATE first': before(updates),
    'kernel route first': before(routes),
    'no answer': lookups.length - answers.length,
    wrong,
    'no route': lookups.length - routes.length,
    ...(mode.opensTcp === true ? { 'first SYN by the right way': bySecond } : {}),
  }
}

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'it needs root, for a namespace'
  const missing = ['ip', 'bird', 'birdc', 'knotd'].filter((program) => !isInstalled(program))
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`
  try {
    execFileSync('ip', ['netns', 'add', 'dnstap-bgp-try'], { stdio: 'pipe' })
    execFileSync('ip', ['netns', 'del', 'dnstap-bgp-try'], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `no namespace can be made: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`
  }
}

async function main(): Promise<object[]> {
  const reason = whyNot()
  if (reason !== undefined) return [{ resolver: 'all', mode: `skipped: ${reason}` }]
  const router = new RouterNamespace()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void router.remove().finally(() => process.exit(1)))
  let authority: Authority | undefined
  const rows: object[] = []
  try {
    await router.start()
    const address = (i: number) => `20.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
    authority = await startAuthority({ [ZONE]: Array.from({ length: NAMES }, (_, i) => `n${i} A ${address(i)}`).join('\n') })
    let first = 0
    for (const [kind, { needs, starts }] of Object.entries(KINDS)) {
      if (!only.includes(kind)) continue
      for (const mode of MODES) {
        const start = starts[mode.name]
        if (start === undefined || !wantedModes.includes(mode.name)) continue
        const missing = [
          ...needs.filter((program) => !isInstalled(program)),
          ...(kind === 'unbound' && mode.name !== 'bare' ? pythonModule : []),
          ...(kind === 'bind' && mode.name === 'hook' ? bindHeaders : []),
        ]
        if (missing.length > 0) {
          rows.push({ resolver: kind, mode: mode.name, skipped: `not installed: ${missing.join(', ')}` })
          continue
        }
        try {
          rows.push(await measure(kind, mode, start, router, authority, first))
        } catch (error) {
          rows.push({ resolver: kind, mode: mode.name, skipped: String(error).split('\n')[0] })
        }
        if (!json) console.log(JSON.stringify(rows.at(-1)))
        first = (first + (mode.warmUp?.count ?? 0) + mode.count) % NAMES
      }
    }
  } finally {
    await authority?.remove()
    await router.remove()
  }
  return rows
}

const rows = await main()
const load = readFileSync('/proc/loadavg', 'utf8').split(' ')[0]
if (json) console.log(JSON.stringify({ bench: 'first-packet', load, rows }))
else console.table(rows)
process.exit(0)
