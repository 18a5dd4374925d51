/** Punycode, the encoding half (RFC 3492 §6.3): code points to the text after `xn--`. */

const BASE = 36
const TMIN = 1
const TMAX = 26
const SKEW = 38
const DAMP = 700
const INITIAL_BIAS = 72
const INITIAL_N = 0x80

/**
 * Each new code point costs a pass over the input, so the caller bounds the input: a label of more than 63 code points cannot become
 * one of at most 63 octets.
 */
export function encodePunycode(codePoints: readonly number[]): string {
  let output = ''
  for (const codePoint of codePoints) if (codePoint < INITIAL_N) output += String.fromCharCode(codePoint)
  const basicCount = output.length
  let handled = basicCount
  if (basicCount > 0) output += '-'

  let n = INITIAL_N
  let delta = 0
  let bias = INITIAL_BIAS
  while (handled < codePoints.length) {
    let next = 0x110000
    for (const codePoint of codePoints) if (codePoint >= n && codePoint < next) next = codePoint
    delta += (next - n) * (handled + 1) // at most 2^21 * 2^6: no overflow
    n = next
    for (const codePoint of codePoints) {
      if (codePoint < n) delta++
      if (codePoint !== n) continue
      output += variableLengthInteger(delta, bias)
      bias = adapt(delta, handled + 1, handled === basicCount)
      delta = 0
      handled++
    }
    delta++
    n++
  }
  return output
}

function variableLengthInteger(value: number, bias: number): string {
  let text = ''
  let rest = value
  for (let k = BASE; ; k += BASE) {
    const threshold = k <= bias ? TMIN : k >= bias + TMAX ? TMAX : k - bias
    if (rest < threshold) return text + digit(rest)
    text += digit(threshold + ((rest - threshold) % (BASE - threshold)))
    rest = Math.floor((rest - threshold) / (BASE - threshold))
  }
}

/** RFC 3492 §6.1. */
function adapt(delta: number, handled: number, first: boolean): number {
  let rest = first ? Math.floor(delta / DAMP) : delta >> 1
  rest += Math.floor(rest / handled)
  let k = 0
  while (rest > ((BASE - TMIN) * TMAX) >> 1) {
    rest = Math.floor(rest / (BASE - TMIN))
    k += BASE
  }
  return k + Math.floor(((BASE - TMIN + 1) * rest) / (rest + SKEW))
}

function digit(value: number): string {
  return String.fromCharCode(value < 26 ? 0x61 + value : 0x30 - 26 + value)
}
