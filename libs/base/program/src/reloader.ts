/**
 * Reads the configuration again when asked (SIGHUP) and hands it to every part that can take over changes while running. Logs the settings that wait for
 * the next start. A configuration with mistakes changes nothing.
 */
import { keysThatNeedRestart, type Config } from '@dnstap-bgp/config'
import { StoppedError, type Log } from '@dnstap-bgp/runtime'
import { explainError } from './explain-error.ts'

export interface ReloaderDeps<Read extends Config> {
  /** @throws ConfigError */
  readonly read: () => Read
  readonly log: Log
  /** What a reload of this program reads, with its verb: `Configuration and lists were`. */
  readonly what: string
}

export class Reloader<Read extends Config> {
  /** What the program was started with. */
  readonly #running: Read
  readonly #deps: ReloaderDeps<Read>
  readonly #listeners: ((config: Read) => void | Promise<void>)[] = []
  #warnings: readonly string[]
  #isRunning = false
  #isWanted = false
  #last = Promise.resolve()

  constructor(running: Read, deps: ReloaderDeps<Read>) {
    this.#running = running
    this.#warnings = running.warnings
    this.#deps = deps
  }

  onReload(listener: (config: Read) => void | Promise<void>): void {
    this.#listeners.push(listener)
  }

  /** One after the other: the last one to read the file is the last one to be applied. Resolves when this one is. */
  request(): Promise<void> {
    if (this.#isRunning) return (this.#last = this.#last.then(() => this.#reload()))
    this.#isWanted = true
    return Promise.resolve()
  }

  /** Everything has started: a reload requested meanwhile happens now. */
  started(): Promise<void> {
    this.#isRunning = true
    return this.#isWanted ? this.request() : Promise.resolve()
  }

  async #reload(): Promise<void> {
    const { read, log, what } = this.#deps
    let fresh: Read
    try {
      fresh = read()
    } catch (error) {
      return log.error({}, `Nothing was reloaded. ${explainError(error).sentence}`)
    }
    for (const warning of fresh.warnings) if (!this.#warnings.includes(warning)) log.warn({}, warning)
    this.#warnings = fresh.warnings
    const waiting = keysThatNeedRestart(this.#running, fresh)
    if (waiting.length > 0) log.warn({}, `Not taken over before the next start: ${waiting.join(', ')}. The running value stays.`)
    try {
      for (const listener of this.#listeners) await listener(fresh)
      log.info({ config: fresh.fileName }, `${what} read again.`)
    } catch (error) {
      if (error instanceof StoppedError) return log.info({}, 'The reload was given up: the program is stopping.')
      log.error({}, `Not everything was reloaded. ${explainError(error).sentence}`)
    }
  }
}
