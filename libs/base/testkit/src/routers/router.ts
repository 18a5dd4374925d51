/**
 * What every real router in tests looks like, whichever daemon it is.
 *
 * A router runs in a temporary folder, on the addresses and ports it is given; it never touches the kernel's routes or /etc, and
 * ends by its own handle (its process group) or with the process that started it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import {
  accessSync,
  appendFileSync,
  chmodSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { children, folders, signalGroup } from '../left-behind.ts'
import { waitFor, type WaitOptions } from '../wait-for.ts'

export type Family = 'ipv4' | 'ipv6'

/** Names as in RFC 4271 §8.2.2; `Down` when the daemon has no word for it or does not run. */
export type SessionState = 'Down' | 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established'

export interface RouterOptions {
  /** The router's own address; it listens there and connects from there. */
  readonly address: string
  readonly port: number
  readonly asn: number
  /** The speaker it talks to. */
  readonly peerAddress: string
  readonly peerAsn: number
  /** Where it connects to, unless passive; default 179. */
  readonly peerPort?: number
  /** Waits to be connected to; default true. */
  readonly passive?: boolean
  /** TCP MD5 (RFC 2385). */
  readonly password?: string
  /** Demands TTL 255 (RFC 5082); default false. */
  readonly gtsm?: boolean
  readonly holdTimeSeconds?: number
  readonly families?: readonly Family[]
  /** Helps a restarting speaker (RFC 4724); default true. */
  readonly gracefulRestart?: boolean
  /** Helps for long (RFC 9494); default false. */
  readonly longLivedGracefulRestart?: boolean
  /** IPv4 prefixes with an IPv6 next hop (RFC 8950); default false. */
  readonly extendedNextHop?: boolean
  /** Messages up to 65535 octets (RFC 8654); default true where the daemon can. */
  readonly extendedMessages?: boolean
  /** Closes the session above so many prefixes; 0 or absent: no limit. */
  readonly maxPrefixes?: number
  /** The router's role (RFC 9234). */
  readonly role?: 'customer' | 'provider' | 'peer'
  readonly routerId?: string
}

export interface RouterRoute {
  readonly prefix: string
  readonly nextHop: string
  readonly origin: string
  readonly asPath: readonly number[]
  /** Absent when the daemon shows none. */
  readonly localPref: number | undefined
  /** A MED of 0 and none are alike: daemons do not tell them apart. */
  readonly med: number | undefined
  /** `65000:100`, well-known ones by number too; sorted by number. */
  readonly communities: readonly string[]
  readonly largeCommunities: readonly string[]
}

export interface Router {
  readonly kind: RouterKind
  readonly options: RouterOptions
  readonly folder: string
  readonly pid: number
  session(): Promise<SessionState>
  /** Sorted by prefix as text. */
  routes(family?: Family): Promise<RouterRoute[]>
  /** How many routes it holds; cheap where the daemon lets it be. */
  count(family?: Family): Promise<number>
  /** The daemon's own words about the session. */
  describe(): Promise<string>
  /** Makes the router ask for the routes again (RFC 2918). */
  askRefresh(): Promise<void>
  waitFor<T>(condition: (router: Router) => T | Promise<T>, options?: WaitOptions): Promise<T>
  waitForSession(state: SessionState, options?: WaitOptions): Promise<void>
  waitForCount(count: number, options?: WaitOptions & { family?: Family }): Promise<void>
  /** Ends it in order: it may say goodbye to its peers. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP: frozen, its kernel goes on acknowledging. */
  pause(): void
  resume(): void
  /** Starts it again where it was, after stop() or kill(). */
  restart(): Promise<void>
  log(): string
  /** stop(), and removes its folder; folders that are left are removed when the process ends. */
  remove(): Promise<void>
}

export const ROUTER_KINDS = ['bird', 'frr', 'gobgp', 'exabgp', 'openbgpd'] as const
export type RouterKind = (typeof ROUTER_KINDS)[number]

/** What a daemon's launcher adds to the common part. */
export interface RouterDriver {
  readonly kind: RouterKind
  /** Writes the configuration into the folder; returns the command that runs the daemon in the foreground. */
  prepare(folder: string, options: RouterOptions): { command: string; args: string[]; env?: Record<string, string> }
  session(folder: string, options: RouterOptions): Promise<SessionState>
  routes(folder: string, options: RouterOptions, family: Family): Promise<RouterRoute[]>
  count(folder: string, options: RouterOptions, family: Family): Promise<number>
  describe(folder: string, options: RouterOptions): Promise<string>
  askRefresh(folder: string, options: RouterOptions): Promise<void>
}

/** The families a router is configured for. */
export function familiesOf(options: RouterOptions): readonly Family[] {
  return options.families ?? ['ipv4', 'ipv6']
}

/** A BGP Identifier that differs between the routers of one test. */
export function routerIdOf(options: RouterOptions): string {
  return options.routerId ?? `10.255.${options.port >> 8}.${options.port & 0xff}`
}

export async function launchRouter(driver: RouterDriver, options: RouterOptions): Promise<Router> {
  const folder = mkdtempSync(join(tmpdir(), `dnstap-bgp-${driver.kind}-`))
  chmodSync(folder, 0o755)
  folders.add(folder)
  const router = new RunningRouter(driver, options, folder)
  await router.restart()
  return router
}

class RunningRouter implements Router {
  readonly kind: RouterKind
  readonly options: RouterOptions
  readonly folder: string
  #driver: RouterDriver
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #removed = false

  constructor(driver: RouterDriver, options: RouterOptions, folder: string) {
    this.kind = driver.kind
    this.options = options
    this.folder = folder
    this.#driver = driver
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.kind} does not run`)
    return pid
  }

  async restart(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.kind} runs already`)
    if (this.#removed) throw new Error(`the folder of this ${this.kind} is gone`)
    const { command, args, env } = this.#driver.prepare(this.folder, this.options)
    const child = spawn(command, args, {
      cwd: this.folder,
      detached: true, // a process group of its own: its children end with it
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    this.#child = child
    children.add(child)
    const logFile = this.#logFile()
    const keep = (chunk: Buffer) => {
      if (!this.#removed) appendFileSync(logFile, chunk)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    this.#exited = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        keep(Buffer.from(`${error.message}\n`))
        resolve()
      })
      child.once('exit', () => resolve())
    }).then(() => {
      children.delete(child)
      child.stdout.destroy() // a straggler may still hold the other end
      child.stderr.destroy()
      if (this.#child === child) this.#child = undefined
    })
    try {
      await waitFor(async () => this.#child !== child || (await this.#driver.session(this.folder, this.options)) !== 'Down', {
        timeoutMs: 15_000,
        what: () => `${this.kind} to start; its log:\n${this.log().slice(-2000)}`,
      })
      if (this.#child !== child) throw new Error(`${this.kind} ended at once; its log:\n${this.log().slice(-2000)}`)
    } catch (error) {
      await this.kill()
      throw error
    }
  }

  async session(): Promise<SessionState> {
    if (this.#child === undefined) return 'Down'
    return this.#driver.session(this.folder, this.options)
  }

  async routes(family?: Family): Promise<RouterRoute[]> {
    const routes: RouterRoute[] = []
    for (const each of family === undefined ? familiesOf(this.options) : [family])
      routes.push(...(await this.#driver.routes(this.folder, this.options, each)))
    return routes.sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
  }

  async count(family?: Family): Promise<number> {
    let count = 0
    for (const each of family === undefined ? familiesOf(this.options) : [family])
      count += await this.#driver.count(this.folder, this.options, each)
    return count
  }

  describe(): Promise<string> {
    return this.#driver.describe(this.folder, this.options)
  }

  askRefresh(): Promise<void> {
    return this.#driver.askRefresh(this.folder, this.options)
  }

  waitFor<T>(condition: (router: Router) => T | Promise<T>, options?: WaitOptions): Promise<T> {
    return waitFor(() => condition(this), options)
  }

  async waitForSession(state: SessionState, options?: WaitOptions): Promise<void> {
    let seen: SessionState = 'Down'
    await waitFor(async () => (seen = await this.session()) === state, {
      what: () => `${this.kind} to be ${state}; it is ${seen}; its log:\n${this.log().slice(-2000)}`,
      ...options,
    })
  }

  async waitForCount(count: number, options?: WaitOptions & { family?: Family }): Promise<void> {
    let seen = -1
    await waitFor(async () => (seen = await this.count(options?.family)) === count, {
      what: () => `${this.kind} to hold ${count} routes; it holds ${seen}; its log:\n${this.log().slice(-2000)}`,
      ...options,
    })
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child !== undefined) {
      signalGroup(child, 'SIGCONT')
      signalGroup(child, 'SIGTERM')
      const patience = setTimeout(() => signalGroup(child, 'SIGKILL'), 5000)
      await this.#exited
      clearTimeout(patience)
      signalGroup(child, 'SIGKILL') // stragglers of its group
    }
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    signalGroup(child, 'SIGKILL')
    await this.#exited
  }

  pause(): void {
    if (this.#child !== undefined) signalGroup(this.#child, 'SIGSTOP')
  }

  resume(): void {
    if (this.#child !== undefined) signalGroup(this.#child, 'SIGCONT')
  }

  log(): string {
    return existsSync(this.#logFile()) ? readFileSync(this.#logFile(), 'utf8') : ''
  }

  async remove(): Promise<void> {
    await this.stop()
    this.#removed = true
    folders.delete(this.folder)
    rmSync(this.folder, { recursive: true, force: true })
  }

  #logFile(): string {
    return join(this.folder, 'log')
  }
}

/** Where a program is, or undefined: PATH, then where Debian keeps daemons. */
export function findProgram(name: string): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/lib/frr']) {
    const path = name.startsWith('/') ? name : join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not here.
    }
  }
  return undefined
}

/** Runs a daemon's client and returns its output; rejects when it fails. */
export function ask(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 1 << 30, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${command} ${args.join(' ')}: ${stderr || error.message}`))
      else resolve(stdout)
    })
  })
}

export function writeConfiguration(folder: string, text: string): string {
  const path = join(folder, 'conf')
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

/** A route in the common form, out of what a daemon's listing gave. */
export function routerRoute(seen: {
  prefix: string
  nextHop: string
  origin?: string | undefined
  asPath?: readonly number[]
  localPref?: number | undefined
  med?: number | undefined
  communities?: readonly string[]
}): RouterRoute {
  const communities = (seen.communities ?? []).map((text) => WELL_KNOWN[text.toLowerCase()] ?? text)
  const ofParts = (parts: number) => communities.filter((text) => text.split(':').length === parts).sort(byNumbers)
  return {
    prefix: seen.prefix,
    nextHop: seen.nextHop,
    origin: (seen.origin ?? '').toLowerCase(),
    asPath: seen.asPath ?? [],
    localPref: seen.localPref,
    med: seen.med === 0 ? undefined : seen.med,
    communities: ofParts(2),
    largeCommunities: ofParts(3),
  }
}

/** `65000 65001` to numbers; sets in braces are left out, nobody here announces one. */
export function asPathOf(text: string): number[] {
  return text
    .split(/\s+/)
    .filter((word) => /^[0-9]+$/.test(word))
    .map(Number)
}

function byNumbers(a: string, b: string): number {
  const left = a.split(':').map(Number)
  const right = b.split(':').map(Number)
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return left[i] - right[i]
  return 0
}

// Names that daemons print (IANA's registry of well-known BGP communities), `_` or `-`.
const WELL_KNOWN: Record<string, string> = Object.fromEntries(
  Object.entries({
    'graceful-shutdown': 0,
    'accept-own': 1,
    'llgr-stale': 6,
    'no-llgr': 7,
    blackhole: 666,
    'no-export': 65281,
    'no-advertise': 65282,
    'no-export-subconfed': 65283,
    'local-as': 65283,
    'no-peer': 65284,
    nopeer: 65284,
  }).flatMap(([name, low]) => [name, name.replaceAll('-', '_')].map((each) => [each, `65535:${low}`])),
)
