/** A range of addresses as the prefixes that cover it and nothing else. Binary rule-sets hold ranges. */
import { formatPrefix } from '@dnstap-bgp/ip'

/** `first` and `last` have 4 or 16 octets each. Nothing when they are no range. */
export function* prefixesOfRange(first: Uint8Array, last: Uint8Array): Generator<string> {
  if (first.length !== last.length || (first.length !== 4 && first.length !== 16)) return
  const bits = first.length * 8
  let from = toNumber(first)
  const to = toNumber(last)
  while (from <= to) {
    let hostBits = 0
    while (hostBits < bits && isBlockStart(from, hostBits + 1) && from + (1n << BigInt(hostBits + 1)) - 1n <= to) hostBits++
    yield formatPrefix({ bytes: toOctets(from, first.length), lengthBits: bits - hostBits })
    from += 1n << BigInt(hostBits)
  }
}

function isBlockStart(address: bigint, hostBits: number): boolean {
  return (address & ((1n << BigInt(hostBits)) - 1n)) === 0n
}

function toNumber(octets: Uint8Array): bigint {
  let value = 0n
  for (const octet of octets) value = (value << 8n) | BigInt(octet)
  return value
}

function toOctets(value: bigint, length: number): Uint8Array {
  const octets = new Uint8Array(length)
  for (let i = length - 1; i >= 0; i--, value >>= 8n) octets[i] = Number(value & 0xffn)
  return octets
}
