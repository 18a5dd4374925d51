/** The UPDATEs of a peer, summed up by chunk: the driver counts them, and nothing of them is kept. */
import type { AttributeFault, Family, ReceivedUpdate } from '@dnstap-bgp/bgp-wire'

export interface ReceivedUpdates {
  readonly connection: number
  readonly updates: number
  readonly announced: Readonly<Record<Family, number>>
  readonly withdrawn: Readonly<Record<Family, number>>
  readonly endOfRib: readonly Family[]
  /** At most the first sixteen of the chunk. */
  readonly faults: readonly AttributeFault[]
}

export class ReceivedSum {
  readonly #connection: number
  #updates = 0
  readonly #announced = { ipv4: 0, ipv6: 0 }
  readonly #withdrawn = { ipv4: 0, ipv6: 0 }
  readonly #endOfRib = new Set<Family>()
  readonly #faults: AttributeFault[] = []

  constructor(connection: number) {
    this.#connection = connection
  }

  get isEmpty(): boolean {
    return this.#updates === 0
  }

  add(update: ReceivedUpdate): void {
    this.#updates++
    for (const family of ['ipv4', 'ipv6'] as const) {
      this.#announced[family] += update.announced[family]
      this.#withdrawn[family] += update.withdrawn[family]
    }
    if (update.endOfRib !== undefined) this.#endOfRib.add(update.endOfRib)
    for (const fault of update.faults) if (this.#faults.length < MAX_FAULTS) this.#faults.push(fault)
  }

  result(): ReceivedUpdates {
    return {
      connection: this.#connection,
      updates: this.#updates,
      announced: this.#announced,
      withdrawn: this.#withdrawn,
      endOfRib: [...this.#endOfRib],
      faults: this.#faults,
    }
  }
}

const MAX_FAULTS = 16
