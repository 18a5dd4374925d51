/**
 * Keeps the announced routes in a file, so that a restart at a bad moment (the store has lost its memory, the cache or the bus is away)
 * withdraws none of them.
 *
 * A new file is written and renamed; only its owner may read it. After a change it is written within 10 s, at no more than 100 kB a second (a
 * million IPv4 routes: every 80 s); after an orderly stop it is exact. Its modification time says when the routes were announced last, and is
 * set once a minute if nothing changes. A disk that is full or gone costs a line of the log, never the process.
 */
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import type { RouteTable } from '@dnstap-bgp/route-table'
import { reasonOf, type Clock, type Log, type Timer } from '@dnstap-bgp/runtime'
import { decodeRemembered, ForeignFile, MAX_BYTES, type Encoder, type Remembered } from './remembered-routes.ts'
import type { SlicedWork } from './sliced-work.ts'

export interface RouteMemoryDeps {
  readonly path: string
  readonly clock: Clock
  readonly log: Log
}

/** The routes to write. */
export interface MemorySource {
  readonly table: RouteTable
  readonly work: SlicedWork
  /** Undefined while no route was announced yet. */
  encoder(): Encoder | undefined
  /** Is any route stale? Then the file has times that pass. */
  readonly isAging: boolean
}

export class RouteMemory {
  readonly #deps: RouteMemoryDeps
  #source: MemorySource | undefined
  #unfollow: (() => void) | undefined
  #timer: Timer | undefined
  /** Another program's file: neither read nor written. */
  #isForeign = false
  #hasChanged = true
  #mayWriteAtMs = 0
  #touchedAtMs = 0
  #writing: Promise<void> = Promise.resolve()
  #isWriting = false
  /** Why the routes cannot be written; undefined: they can. */
  fault: string | undefined

  constructor(deps: RouteMemoryDeps) {
    this.#deps = deps
  }

  /** The routes announced last, and how long ago; undefined if there is no file that can be used. Never rejects. */
  async load(boundMs: number): Promise<{ remembered: Remembered; ageMs: number } | undefined> {
    const { path, clock, log } = this.#deps
    try {
      const { mtimeMs, size } = await stat(path)
      if (size > MAX_BYTES) throw new ForeignFile(`it has ${size} octets, more than we write`)
      const remembered = decodeRemembered(await readFile(path))
      // If our clock is a little behind the file's time, as on a machine without a clock of its own, the age counts as 0.
      const ageMs = clock.now() - mtimeMs
      if (Math.abs(ageMs) < boundMs) return { remembered, ageMs: Math.max(0, ageMs) }
      const when = new Date(mtimeMs).toISOString()
      log.info({ path, when }, 'The file of announced routes is too old, or from the future: it is not used.')
    } catch (error) {
      if (isMissing(error)) return undefined
      this.#isForeign = error instanceof ForeignFile
      const then = this.#isForeign ? 'the file is left as it is, and announced routes are not written' : 'a new file is written'
      log.warn({ path }, `The file of announced routes is not used: ${reasonOf(error)}; ${then}.`)
      if (this.#isForeign) this.fault = `${path} is not ours: ${reasonOf(error)}`
    }
    return undefined
  }

  /** From now on the file follows the table. */
  follow(source: MemorySource): void {
    if (this.#isForeign) return
    this.#source = source
    this.#unfollow = source.table.follow({ changed: () => (this.#hasChanged = true) })
    this.#timer = this.#deps.clock.every(TICK_MS, () => this.#tick())
  }

  /** Writes the file for the last time; the table must not change any more. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#unfollow?.()
    await this.#writing
    const encoder = this.#source?.encoder()
    if (encoder === undefined) return
    for (const step of encoder.run()) void step
    await this.#write(encoder)
  }

  /** The routes were withdrawn on purpose: removes the file. */
  async forget(): Promise<void> {
    this.#timer?.cancel()
    this.#unfollow?.()
    await this.#writing
    if (this.#source !== undefined) await rm(this.#deps.path, { force: true }).catch(() => {})
  }

  #tick(): void {
    const nowMs = this.#deps.clock.monotonic()
    if (this.#isWriting || nowMs < this.#mayWriteAtMs) return
    this.#hasChanged ||= this.#source?.isAging === true && nowMs - this.#touchedAtMs >= TOUCH_MS
    const encoder = this.#hasChanged ? this.#source?.encoder() : undefined
    if (encoder !== undefined) {
      this.#isWriting = true
      this.#hasChanged = false
      this.#source?.work.walk(this.#encodeAndWrite(encoder))
    } else if (!this.#hasChanged && nowMs - this.#touchedAtMs >= TOUCH_MS) {
      this.#touchedAtMs = nowMs
      const now = this.#deps.clock.now() / 1000
      this.#writing = utimes(this.#deps.path, now, now).catch(() => void (this.#hasChanged = true))
    }
  }

  *#encodeAndWrite(encoder: Encoder): Generator<void> {
    yield* encoder.run()
    this.#writing = this.#write(encoder).finally(() => (this.#isWriting = false))
  }

  async #write(encoder: Encoder): Promise<void> {
    const { path, clock, log } = this.#deps
    const temporary = `${path}.new`
    try {
      await rm(temporary, { force: true })
      const file = await open(temporary, 'wx', 0o600)
      try {
        for (const part of encoder.parts) await file.writeFile(part)
        await file.sync()
        const now = clock.now() / 1000
        await file.utimes(now, now)
      } finally {
        await file.close()
      }
      await rename(temporary, path)
      if (this.fault !== undefined) log.info({ path }, 'The announced routes are written to their file again.')
      this.fault = undefined
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      this.#hasChanged = true
      const fault = `the announced routes cannot be written to ${path}: ${reasonOf(error)}`
      if (this.fault !== fault) log.warn({}, `${fault}. A restart at a bad moment may lose routes.`)
      this.fault = fault
    }
    if (encoder.leftOut > 0)
      log.warn(
        { routes: encoder.leftOut },
        'The file of announced routes has no room for all of them. A restart at a bad moment may lose the others.',
      )
    this.#touchedAtMs = clock.monotonic()
    this.#mayWriteAtMs = this.#touchedAtMs + Math.max(MIN_PAUSE_MS, encoder.lengthBytes / BYTES_PER_MS)
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

const TICK_MS = 1000
const MIN_PAUSE_MS = 9000
const BYTES_PER_MS = 100
const TOUCH_MS = 60_000
