/**
 * A wall clock that a process has to itself, so that it can be set: Debian's libfaketime stands between the process and the C library.
 *
 * The whole process sees it, with its worker threads and native parts. Its monotonic clock, its timers and the times of files stay as they are.
 * The library looks at the file once a second: a look at each call costs 50 µs. nats-server reads the clock without the C library and Redis's
 * allocator clashes with libfaketime, so only our own programs have such a clock.
 */
import { existsSync, renameSync, writeFileSync } from 'node:fs'

const LIBRARY = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketime.so.1`

/** A step is seen this long after it was written, at the latest. */
export const STEP_SEEN_MS = 2000

export class OwnClock {
  /** What a process that is to have this clock is started with. Empty where the library is not installed: the clock then cannot be set. */
  readonly env: NodeJS.ProcessEnv
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    this.set(0)
    this.env = OwnClock.canBeSet
      ? {
          LD_PRELOAD: LIBRARY,
          FAKETIME_TIMESTAMP_FILE: path,
          FAKETIME_CACHE_DURATION: '1',
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
          FAKETIME_DISABLE_SHM: '1',
          NO_FAKE_STAT: '1',
        }
      : {}
  }

  static get canBeSet(): boolean {
    return existsSync(LIBRARY)
  }

  /** So far from the machine's clock it is from now on. */
  set(offsetMs: number): void {
    writeFileSync(`${this.#path}.new`, `${offsetMs < 0 ? '-' : '+'}${Math.abs(offsetMs) / 1000}\n`)
    renameSync(`${this.#path}.new`, this.#path)
  }
}
