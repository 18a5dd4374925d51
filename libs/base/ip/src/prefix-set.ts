/**
 * A set of prefixes, each with a reason, that answers "is this address in, and why?" by the longest match.
 *
 * Small sets (never lists, allowed peers: tens of entries) asked a few thousand times a second: one Map per prefix length in use,
 * longest first.
 */
import { formatAddress, parseAddress } from './address.ts'
import type { Prefix } from './prefix.ts'

export class PrefixSet<Reason = string> {
  readonly #byLength: { readonly lengthBits: number; readonly family: number; readonly reasons: Map<string, Reason> }[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** A prefix added twice keeps its first reason. */
  add(prefix: Prefix, reason: Reason): this {
    let level = this.#byLength.find((one) => one.lengthBits === prefix.lengthBits && one.family === prefix.bytes.length)
    if (level === undefined) {
      level = { lengthBits: prefix.lengthBits, family: prefix.bytes.length, reasons: new Map() }
      this.#byLength.push(level)
      this.#byLength.sort((a, b) => b.lengthBits - a.lengthBits)
    }
    const key = formatAddress(prefix.bytes)
    if (level.reasons.has(key)) return this
    level.reasons.set(key, reason)
    this.#size++
    return this
  }

  /** The reason of the longest prefix that covers all of `prefix`; undefined when none does. */
  covering(prefix: Prefix): Reason | undefined {
    for (const level of this.#byLength) {
      if (level.family !== prefix.bytes.length || level.lengthBits > prefix.lengthBits) continue
      const reason = level.reasons.get(maskedText(prefix.bytes, level.lengthBits))
      if (reason !== undefined) return reason
    }
    return undefined
  }

  /** The reason of some longer prefix inside `prefix` whose reason passes `wanted`. */
  inside(prefix: Prefix, wanted: (reason: Reason) => boolean): Reason | undefined {
    const masked = maskedText(prefix.bytes, prefix.lengthBits)
    for (const level of this.#byLength) {
      if (level.family !== prefix.bytes.length || level.lengthBits <= prefix.lengthBits) continue
      for (const [address, reason] of level.reasons) {
        if (wanted(reason) && maskedText(parsed(address), prefix.lengthBits) === masked) return reason
      }
    }
    return undefined
  }
}

function parsed(canonical: string): Uint8Array {
  const bytes = parseAddress(canonical)
  if (bytes === undefined) throw new Error(`not an address: ${canonical}`)
  return bytes
}

function maskedText(bytes: Uint8Array, lengthBits: number): string {
  const masked = bytes.slice()
  const whole = lengthBits >> 3
  if (whole < masked.length) {
    masked[whole] &= (0xff00 >> (lengthBits & 7)) & 0xff
    masked.fill(0, whole + 1)
  }
  return formatAddress(masked)
}
