/**
 * A server under test: a temporary folder, its own process group, its log, and a handle to stop it.
 *
 * When the test process ends, its daemons are killed and their folders removed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { children, folders, signalGroup } from './left-behind.ts'
import { waitFor } from './wait-for.ts'

export interface DaemonOptions {
  readonly name: string
  /** Called at each start: writes the configuration into the folder and returns the command. */
  readonly prepare: (folder: string) => {
    readonly command: string
    readonly args: readonly string[]
    readonly env?: NodeJS.ProcessEnv
  }
  /** Does it serve? Called until it returns true. */
  readonly ready: (daemon: Daemon) => boolean | Promise<boolean>
  readonly startTimeoutMs?: number
}

export class Daemon {
  readonly folder: string
  readonly name: string
  readonly #options: DaemonOptions
  #child: ChildProcess | undefined
  #exited: Promise<number | null> = Promise.resolve(null)
  #log = ''

  private constructor(options: DaemonOptions) {
    this.#options = options
    this.name = options.name
    this.folder = mkdtempSync(join(tmpdir(), `dnstap-bgp-${options.name}-`))
    chmodSync(this.folder, 0o755)
    folders.add(this.folder)
  }

  static async start(options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(options)
    await daemon.restart()
    return daemon
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} does not run`)
    return this.#child.pid
  }

  /** Standard output and error together. */
  log(): string {
    return this.#log
  }

  /** Starts it in the same folder, after stop() or kill(); resolves when it serves. */
  async restart(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`)
    const child = this.#spawn()
    const what = () => `${this.name} to serve; its log:\n${this.#log.slice(-3000)}`
    try {
      await waitFor(async () => this.#child !== child || (await this.#options.ready(this)), {
        timeoutMs: this.#options.startTimeoutMs ?? 20_000,
        what,
      })
    } catch (error) {
      await this.kill()
      throw error
    }
    if (this.#child !== child) throw new Error(`${this.name} ended before it served; its log:\n${this.#log.slice(-3000)}`)
  }

  /** Starts it and waits for nothing. */
  #spawn(): ChildProcess {
    const { command, args, env } = this.#options.prepare(this.folder)
    const child = spawn(command, args, {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    this.#child = child
    children.add(child)
    const keep = (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString('utf8')).slice(-MAX_LOG_CHARACTERS)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        keep(Buffer.from(`${error.message}\n`))
        resolve(null)
      })
      child.once('close', (code) => resolve(code))
    })
    void this.#exited.then(() => {
      children.delete(child)
      if (this.#child === child) this.#child = undefined
    })
    return child
  }

  /** Resolves with the exit code when it has ended. */
  exited(): Promise<number | null> {
    return this.#exited
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child !== undefined) signalGroup(this.#child, signal)
  }

  /** SIGTERM; after ten seconds SIGKILL. */
  async stop(): Promise<number | null> {
    const child = this.#child
    if (child === undefined) return this.#exited
    signalGroup(child, 'SIGCONT')
    signalGroup(child, 'SIGTERM')
    const patience = setTimeout(() => signalGroup(child, 'SIGKILL'), 10_000)
    const code = await this.#exited
    clearTimeout(patience)
    return code
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#exited
  }

  /** stop(), and its folder goes too. */
  async remove(): Promise<void> {
    await this.stop()
    folders.delete(this.folder)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const MAX_LOG_CHARACTERS = 1 << 20
