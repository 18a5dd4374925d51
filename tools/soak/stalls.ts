/**
 * How long the machine kept processes from running: the slack that a loaded machine is given.
 *
 * The kernel tells for each thread how long it was ready and waited for a processor (/proc/PID/task/TID/schedstat, second number). What
 * passes from process to process waits for one of them at a time, so the sum over all of them is an upper bound, and so is the time
 * itself. Waiting for a disk is counted from /proc/pressure/io. Where the kernel does not tell, only our own late timers count.
 */
import { readdirSync, readFileSync } from 'node:fs'

interface Sample {
  readonly atMs: number
  readonly totalMs: number
}

export class Stalls {
  readonly #pids: () => readonly number[]
  readonly #samples: Sample[] = []
  readonly #waited = new Map<string, number>()
  #ioMs = pressureMs()
  #totalMs = 0

  constructor(pids: () => readonly number[]) {
    this.#pids = pids
  }

  /** To be called several times a second; `lateMs`: by how much our own timer was late. */
  sample(atMs: number, lateMs: number): void {
    const last = this.#samples.at(-1)
    const passedMs = last === undefined ? 0 : atMs - last.atMs
    let waitedMs = lateMs
    for (const pid of this.#pids())
      for (const thread of threadsOf(pid)) {
        const now = waitedNs(pid, thread)
        const before = this.#waited.get(`${pid}/${thread}`) ?? now
        this.#waited.set(`${pid}/${thread}`, now)
        waitedMs += Math.max(0, now - before) / 1e6
      }
    const ioMs = pressureMs()
    waitedMs += ioMs - this.#ioMs
    this.#ioMs = ioMs
    this.#totalMs += Math.min(waitedMs, passedMs)
    this.#samples.push({ atMs, totalMs: this.#totalMs })
    if (this.#samples.length > 20_000) this.#samples.splice(0, 10_000)
  }

  /** Of the time between two moments, how much may have been waiting for a processor or a disk. */
  between(fromMs: number, toMs: number): number {
    return toMs <= fromMs ? 0 : Math.min(toMs - fromMs, this.#totalAt(toMs) - this.#totalAt(fromMs) + SAMPLE_MS)
  }

  /** Share of the whole run. */
  get share(): number {
    const first = this.#samples.at(0)
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.atMs === first.atMs) return 0
    return (last.totalMs - first.totalMs) / (last.atMs - first.atMs)
  }

  #totalAt(atMs: number): number {
    let low = 0
    let high = this.#samples.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#samples[middle].atMs <= atMs) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : this.#samples[low - 1].totalMs
  }
}

/** The distance of two samples: what happened between them is not known closer. */
export const SAMPLE_MS = 250

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return [] // It has ended.
  }
}

function waitedNs(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[1])
  } catch {
    return 0
  }
}

function pressureMs(): number {
  try {
    return Number(/^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/io', 'latin1'))?.[1] ?? 0) / 1000
  } catch {
    return 0
  }
}
