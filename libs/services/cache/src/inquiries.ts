/**
 * Asks everybody on the bus what they know of a prefix, for people: announcers whether they have it, other replicas what they refused.
 *
 * Nobody knows how many there are, so whoever asks waits a moment and takes what came; without an answer, explain says less.
 */
import type { Bus } from '@dnstap-bgp/bus'
import type { Clock } from '@dnstap-bgp/runtime'
import { INQUIRY, type Findings } from '@dnstap-bgp/steering'
import { randomUUID } from 'node:crypto'

/** A person waits for it. */
export const INQUIRY_MS = 250
const MAX_FINDINGS = 100

export class Inquiries {
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #waiting = new Map<string, Findings[]>()

  constructor(bus: Bus, clock: Clock) {
    this.#bus = bus
    this.#clock = clock
  }

  /** Did we ask it ourselves? What goes out comes back to us, too. */
  isOurs(id: string): boolean {
    return this.#waiting.has(id)
  }

  heard(findings: Findings): void {
    const known = this.#waiting.get(findings.id)
    if (known !== undefined && known.length < MAX_FINDINGS) known.push(findings)
  }

  async ask(subject: string, prefixes: readonly string[]): Promise<readonly Findings[]> {
    const id = randomUUID()
    const findings: Findings[] = []
    this.#waiting.set(id, findings)
    this.#bus.publish(INQUIRY, { id, subject, prefixes })
    await new Promise<void>((resolve) => void this.#clock.after(INQUIRY_MS, resolve))
    this.#waiting.delete(id)
    return findings
  }
}
