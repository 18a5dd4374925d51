/** Counts what became no rule, by reason, and keeps samples to show. */
import type { SkippedLine } from './list-definition.ts'

/** This many samples are kept of any reason, then this many of each reason, and this many in all. */
const FIRST_SAMPLES = 5
const SAMPLES_OF_REASON = 3
const MAX_SAMPLES = 60

export class SkipRecord {
  readonly counts: Record<string, number> = {}
  readonly samples: SkippedLine[] = []
  #last = ''

  /** A line counts once for each reason; false: it was counted before. `line` 0: not a line of a file. */
  add(reason: string, file: string | undefined, line: number, text: string): boolean {
    const place = `${reason} ${line} ${file ?? ''}`
    if (line > 0 && place === this.#last) return false
    this.#last = place
    const count = (this.counts[reason] ?? 0) + 1
    this.counts[reason] = count
    const isSample = this.samples.length < FIRST_SAMPLES || (count <= SAMPLES_OF_REASON && this.samples.length < MAX_SAMPLES)
    if (isSample) this.samples.push({ reason, file, line, text })
    return true
  }
}
