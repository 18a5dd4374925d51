/** Items of a YAML list as octets: nearly every line of a big Clash provider, which need not become text. */

/** `- name`, `- 'name'`, `- "name"`: where what stands behind the dash and the quote begins; -1: the line is anything else. */
export function yamlItemStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at] === SPACE) at++
  if (bytes[at] !== DASH || bytes[at + 1] !== SPACE) return -1
  at += 2
  while (at < end && bytes[at] === SPACE) at++
  return at < end && (bytes[at] === SINGLE || bytes[at] === DOUBLE) ? at + 1 : at
}

/** Where it ends: before the quote that it began with, where there is one; -1: the line does not end there. */
export function yamlItemEnd(bytes: Uint8Array, itemStart: number, end: number): number {
  const quote = bytes[itemStart - 1]
  if (quote !== SINGLE && quote !== DOUBLE) return end
  return end - 1 > itemStart && bytes[end - 1] === quote ? end - 1 : -1
}

const SPACE = 0x20
const DASH = 0x2d
const SINGLE = 0x27
const DOUBLE = 0x22
