/**
 * Sends UPDATEs to one peer. They are encoded when the socket has room, at most 64 KiB or two milliseconds of them in one turn of the event loop
 * (send-turns.ts), so that other peers and our own KEEPALIVEs do not wait behind a large table.
 */
import type { AdjRibOut } from '@dnstap-bgp/route-table'
import type { Clock } from '@dnstap-bgp/runtime'
import type { SendTurns } from './send-turns.ts'

/** The part of a net.Socket that is used here. */
export interface Outlet {
  readonly writable: boolean
  /** Octets that the kernel has not taken. */
  readonly writableLength: number
  /** `onTaken`: the kernel has taken the last of these octets, or the socket failed. */
  write(octets: Uint8Array, onTaken?: () => void): unknown
}

export interface UpdateSenderDeps {
  readonly adjRibOut: Pick<AdjRibOut, 'next' | 'pending'>
  readonly turns: SendTurns
  readonly clock: Clock
  /** Octets that may wait in our process. */
  readonly maxInFlightBytes: number
  readonly onSent: (octets: number) => void
  /** The kernel has taken UPDATEs; undefined: nobody wants to know. */
  readonly onTaken?: (() => void) | undefined
}

export class UpdateSender {
  readonly #deps: UpdateSenderDeps
  #outlet: Outlet | undefined
  #isDue = false
  #turnBytes = FIRST_TURN_BYTES
  #onDrained: (() => void) | undefined

  constructor(deps: UpdateSenderDeps) {
    this.#deps = deps
  }

  /** A session is up. */
  open(outlet: Outlet): void {
    this.#outlet = outlet
  }

  /** The session is over. */
  close(): void {
    this.#outlet = undefined
    this.#onDrained?.()
  }

  /** Octets that the kernel has not taken. */
  get untaken(): number {
    return this.#outlet?.writableLength ?? 0
  }

  /** There is something to send, or room for it: sends at the end of this turn, when all changes of a burst are known. */
  wake(): void {
    if (this.#isDue || this.#outlet === undefined) return
    this.#isDue = true
    this.#deps.turns.add(() => {
      this.#isDue = false
      this.#flush()
    })
  }

  /** Resolves when every UPDATE was handed to the kernel, or the session is gone. */
  async drained(): Promise<void> {
    if (this.#outlet === undefined) return
    await new Promise<void>((resolve) => {
      this.#onDrained = resolve
      this.wake()
    })
  }

  /** Encodes UPDATEs of about `budgetBytes` octets. The time it takes decides the next budget. */
  #encode(budgetBytes: number): Uint8Array | undefined {
    const { clock, adjRibOut } = this.#deps
    const startedAt = clock.monotonic()
    const bytes = adjRibOut.next(budgetBytes)
    const isSlow = clock.monotonic() - startedAt > TURN_MS
    if (isSlow) this.#turnBytes = Math.max(FIRST_TURN_BYTES, this.#turnBytes >> 1)
    else if (bytes !== undefined && bytes.length > this.#turnBytes >> 1)
      this.#turnBytes = Math.min(MAX_TURN_BYTES, this.#turnBytes * 2)
    return bytes
  }

  #flush(): void {
    const outlet = this.#outlet
    const { adjRibOut, clock, maxInFlightBytes, onSent } = this.#deps
    if (outlet === undefined || !outlet.writable) return
    const room = maxInFlightBytes - outlet.writableLength
    if (room > 0 && adjRibOut.pending) {
      const bytes = this.#encode(Math.min(room, this.#turnBytes))
      if (bytes !== undefined) {
        onSent(bytes.length)
        outlet.write(bytes, this.#deps.onTaken)
      }
    }
    if (adjRibOut.pending) {
      if (outlet.writableLength < maxInFlightBytes) this.wake() // else `drain` goes on
    } else if (outlet.writableLength === 0) this.#onDrained?.()
    else if (this.#onDrained !== undefined) clock.after(DRAIN_CHECK_MS, () => this.wake()) // a short remainder causes no `drain`
  }
}

const MAX_TURN_BYTES = 64 * 1024
/** Two messages; the first turns run in cold code. */
const FIRST_TURN_BYTES = 8 * 1024
const TURN_MS = 2
const DRAIN_CHECK_MS = 10
