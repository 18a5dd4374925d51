/**
 * 64 bits that stand for a fact: list, name, address. Hot: for each address of each matching reply.
 *
 * Two independent 32-bit multiply-and-xor hashes with a secret seed, over the name in lower case and the octets of the address. The
 * result is left in `factKey`, because two numbers cannot be returned without an object.
 */
import { LOWER_CASE } from '@dnstap-bgp/dns-wire'

export const factKey = { low: 0, high: 0 }

const PRIME_LOW = 0x01000193
const PRIME_HIGH = 0x85ebca6b

/** Hashes the uncompressed wire-format name at `offset`, its final zero octet included, for a list by its number. */
export function beginKey(seedLow: number, seedHigh: number, list: number, bytes: Uint8Array, offset: number): void {
  let low = seedLow ^ list
  let high = seedHigh ^ Math.imul(list + 1, PRIME_HIGH)
  let position = offset
  for (let labelEnd = offset; position === labelEnd;) {
    // A length octet is at most 63: no letter.
    labelEnd += bytes[position] + 1
    const isRoot = labelEnd === position + 1
    for (; position < labelEnd; position++) {
      const octet = LOWER_CASE[bytes[position]]
      low = Math.imul(low ^ octet, PRIME_LOW)
      high = Math.imul(high ^ octet, PRIME_HIGH)
      high ^= high >>> 15
    }
    if (isRoot) break
  }
  factKey.low = low
  factKey.high = high
}

/** Mixes 4 or 16 octets of address in and finishes. */
export function endKey(low: number, high: number, bytes: Uint8Array, offset: number, lengthBytes: number): void {
  low ^= lengthBytes
  for (let i = 0; i < lengthBytes; i++) {
    low = Math.imul(low ^ bytes[offset + i], PRIME_LOW)
    high = Math.imul(high ^ bytes[offset + i], PRIME_HIGH)
    high ^= high >>> 13
  }
  low ^= low >>> 16
  low = Math.imul(low, 0xc2b2ae35)
  factKey.low = (low ^ (low >>> 13)) >>> 0
  factKey.high = (high ^ (high >>> 16)) >>> 0
}
