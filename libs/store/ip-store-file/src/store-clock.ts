/**
 * Store time in one process and over restarts (docs/decisions/0009-store-time.md): it grows with the monotonic clock, and an anchor in
 * the file says where it was, so that the next process goes on from there.
 *
 *   same boot       what the machine's time since boot says has passed
 *   another boot    what the wall clock says has passed, if it says so at all: it may be years behind until somebody sets it;
 *                   not before anything that was seen
 *   no anchor       the wall clock; not before anything that was seen
 */
import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import type { Clock } from '@dnstap-bgp/runtime'

/** The machine's own count of time, which nobody sets. */
export interface Boot {
  /** Another one for each boot; empty when that cannot be known. */
  readonly id: string
  /** Since then, time asleep included. */
  uptimeMs(): number
}

export const systemBoot: Boot = { id: bootId(), uptimeMs: () => uptime() * 1000 }

export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return '' // no /proc
  }
}

export class StoreClock {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #boot: Boot
  /** Store time when the monotonic clock was at 0. */
  #startMs: number
  /** What the machine counted when the monotonic clock was at 0; it grows when the machine sleeps. */
  #bootedMs: number

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, boot: Boot) {
    this.#clock = clock
    this.#boot = boot
    this.#startMs = clock.now() - clock.monotonic()
    this.#bootedMs = boot.uptimeMs() - clock.monotonic()
  }

  now(): number {
    return Math.round(this.#startMs + this.#clock.monotonic())
  }

  /** Goes on from what anchor() wrote. False: the wall clock has a part in it, or that is no anchor at all. */
  goOnFrom(anchor: string): boolean {
    const [storeMs = NaN, wallMs = NaN, uptimeMs = NaN] = anchor.split(' ').map(Number)
    const [, , , bootId, check] = anchor.split(' ')
    if (bootId === undefined || !Number.isFinite(storeMs + wallMs + uptimeMs)) return false
    if (check !== checkOf(anchor.slice(0, anchor.lastIndexOf(' ')))) return false
    const isSameBoot = bootId !== '' && bootId === this.#boot.id
    const passedMs = isSameBoot ? this.#boot.uptimeMs() - uptimeMs : this.#clock.now() - wallMs
    this.#startMs = storeMs + Math.max(0, passedMs) - this.#clock.monotonic()
    return isSameBoot
  }

  /** It is at least so late: something was seen then. */
  atLeast(ms: number): void {
    this.#startMs = Math.max(this.#startMs, ms - this.#clock.monotonic())
  }

  /** Time that the machine slept is time that passed; the monotonic clock does not say so. To be called now and then. */
  noteSleep(): void {
    const bootedMs = this.#boot.uptimeMs() - this.#clock.monotonic()
    const sleptMs = bootedMs - this.#bootedMs
    if (sleptMs < NO_SLEEP_MS) return
    this.#bootedMs = bootedMs
    this.#startMs += sleptMs
  }

  anchor(): string {
    const text = [this.now(), Math.round(this.#clock.now()), Math.round(this.#boot.uptimeMs()), this.#boot.id].join(' ')
    return `${text} ${checkOf(text)}`
  }
}

/** The two clocks are read one after the other, and one has hundredths of a second. */
const NO_SLEEP_MS = 1000

/** FNV-1a: a byte that flipped shall not be an hour. */
function checkOf(text: string): string {
  let check = 0x811c9dc5
  for (let at = 0; at < text.length; at++) check = Math.imul(check ^ text.charCodeAt(at), 0x01000193)
  return (check >>> 0).toString(36)
}
