/** What nats-server and redis-server have in common in tests: one port, and data that a restart keeps or loses. */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Daemon } from '../daemon.ts'

export interface Server {
  readonly host: string
  readonly port: number
  readonly folder: string
  readonly pid: number
  log(): string
  /** SIGTERM: it ends in order. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** After stop() or kill(): starts it on the same port, with its data or (`loseData`) without. */
  restart(options?: { loseData?: boolean }): Promise<void>
  /** SIGSTOP: connections stay open, nobody answers. */
  pause(): void
  resume(): void
  /** stop(), and its folder goes too. */
  remove(): Promise<void>
}

/** Servers keep their data here, below their folder. */
export const DATA_FOLDER = 'data'

export class DaemonServer implements Server {
  readonly host: string
  readonly port: number
  readonly #daemon: Daemon

  constructor(daemon: Daemon, host: string, port: number) {
    this.#daemon = daemon
    this.host = host
    this.port = port
  }

  get folder(): string {
    return this.#daemon.folder
  }

  get pid(): number {
    return this.#daemon.pid
  }

  log(): string {
    return this.#daemon.log()
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }

  kill(): Promise<void> {
    return this.#daemon.kill()
  }

  async restart(options: { loseData?: boolean } = {}): Promise<void> {
    if (this.#daemon.running) throw new Error(`${this.#daemon.name} runs already`)
    if (options.loseData === true) rmSync(join(this.folder, DATA_FOLDER), { recursive: true, force: true })
    await this.#daemon.restart()
  }

  pause(): void {
    this.#daemon.signal('SIGSTOP')
    // On a busy machine a thread goes on for a moment after the signal.
    for (let looks = 0; looks < MAX_LOOKS && !isStopped(this.pid); looks++) Atomics.wait(NEVER, 0, 0, 1)
  }

  resume(): void {
    this.#daemon.signal('SIGCONT')
  }

  remove(): Promise<void> {
    return this.#daemon.remove()
  }
}

const NEVER = new Int32Array(new SharedArrayBuffer(4))
const MAX_LOOKS = 10_000

/** Has each thread of the process stopped? */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
  })
}

/** Does a server accept there and, if `expected` is given, answer `sent` with text that begins with it? */
export function answers(host: string, port: number, sent: string, expected: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    let heard = ''
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1000, () => end(false))
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
    socket.once('connect', () => {
      if (expected === '') end(true)
      else if (sent !== '') socket.write(sent)
    })
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1')
      if (heard.length >= expected.length) end(heard.startsWith(expected))
    })
  })
}
