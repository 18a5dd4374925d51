/** Small comparisons of octets, for the usual lines of big lists: these never become text. */

export const SPACE = 0x20
export const TAB = 0x09
/** The first octet that is not printable ASCII. */
export const DELETE = 0x7f

/** ASCII text as octets. */
export function asciiOctets(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

export function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB
}

export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] > DELETE) return false
  return true
}

export function startsWith(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start < word.length) return false
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word[i]) return false
  return true
}

export function equals(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  return end - start === word.length && startsWith(bytes, start, end, word)
}
