/** A process of a run, whatever it is: it can be killed, stopped, frozen and started, and it is noticed when it ends by itself. */
import type { Daemon, OwnClock, Server } from '@dnstap-bgp/testkit'

export type PartKind = 'product' | 'server' | 'bird'

export class Part {
  readonly name: string
  readonly kind: PartKind
  /** The UNIX socket of the admin server, of our own programs. */
  readonly admin: string | undefined
  /** Its own wall clock, of our own programs. */
  readonly clock: OwnClock | undefined
  /** Down or frozen because we wanted it. */
  down = false
  readonly #process: Daemon | Server

  constructor(name: string, kind: PartKind, process: Daemon | Server, own: { admin?: string; clock?: OwnClock } = {}) {
    this.name = name
    this.kind = kind
    this.#process = process
    this.admin = own.admin
    this.clock = own.clock
  }

  /** Its process, if it runs. */
  get pid(): number | undefined {
    try {
      return this.#process.pid
    } catch {
      return undefined
    }
  }

  get endedByItself(): boolean {
    return !this.down && this.pid === undefined
  }

  async kill(): Promise<void> {
    this.down = true
    await this.#process.kill()
  }

  async stop(): Promise<void> {
    this.down = true
    await this.#process.stop()
  }

  freeze(): void {
    this.down = true
    if ('pause' in this.#process) this.#process.pause()
    else this.#process.signal('SIGSTOP')
  }

  thaw(): void {
    if ('resume' in this.#process) this.#process.resume()
    else this.#process.signal('SIGCONT')
    this.down = false
  }

  hup(): void {
    const pid = this.pid
    if (pid !== undefined) process.kill(pid, 'SIGHUP')
  }

  /** Does nothing when it runs already. */
  async start(): Promise<void> {
    this.down = true
    if (this.pid === undefined) await this.#process.restart()
    this.down = false
  }

  log(): string {
    return this.#process.log()
  }

  remove(): Promise<void> {
    return this.#process.remove()
  }
}
