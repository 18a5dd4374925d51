/**
 * U-labels to A-labels: UTS 46, non-transitional, as far as a list of names needs it.
 *
 * The mapping table of UTS 46 is NFKC plus case folding with a handful of exceptions, and those exceptions are written here, so no table
 * is carried: normalization, case and the properties of characters are those of the JavaScript engine's Unicode version. Tested
 * against Node's own domainToASCII. Left out on purpose, because a name that breaks the rule cannot be registered and so costs nothing: the
 * Bidi rule (RFC 5893), and checking that a label that already begins with `xn--` decodes. README, Bugs, lists what else differs.
 */
import { encodePunycode } from './punycode.ts'

/** The name with every U-label as A-label, lower case and dots mapped to `.`; undefined when a character or label is not allowed. */
export function toALabels(name: string): string | undefined {
  if (name.length > MAX_NAME_CHARACTERS) return undefined
  const mapped = map(name)
  if (mapped === undefined) return undefined
  const labels = mapped.split('.')
  for (let i = 0; i < labels.length; i++) {
    const label = toALabel(labels[i])
    if (label === undefined) return undefined
    labels[i] = label
  }
  return labels.join('.')
}

// Every label of a legal name yields at least as many octets as characters that are not ignored; the slack is for those.
const MAX_NAME_CHARACTERS = 1024
const MAX_LABEL_OCTETS = 63

/** UTS 46 §4, steps 1 and 2: ignored characters go, dots become `.`, compatibility and case are folded; then NFC. */
function map(name: string): string | undefined {
  if (DISALLOWED_BEFORE.test(name)) return undefined
  const spelled = name.replace(IGNORED, '').replace(DOTS, '.').replace(OTHER_SIGMA, 'σ')
  let folded = ''
  // Character by character, as the table has it: a mark may compose with what its neighbour is folded to, not before.
  for (const character of spelled) folded += mappedCharacter(character)
  folded = folded.normalize('NFC')
  return DISALLOWED_AFTER.test(folded) ? undefined : folded
}

/** What the table of UTS 46 has for one character; remembered, as a list is mostly of one script. */
function mappedCharacter(character: string): string {
  let mapped = remembered.get(character)
  if (mapped === undefined) {
    mapped = foldCase(character.normalize('NFKC')).normalize('NFKC')
    if (remembered.size < MAX_REMEMBERED) remembered.set(character, mapped)
  }
  return mapped
}

const remembered = new Map<string, string>()
const MAX_REMEMBERED = 4096

/** Case folding without the two deviation characters: ß and ς stay (non-transitional). One code point at a time, as `Σ` alone is σ. */
function foldCase(text: string): string {
  let folded = ''
  for (const character of text) {
    if (CHEROKEE.test(character)) folded += cherokeeCapital(character)
    else folded += FOLDS_BY_CAPITAL.test(character) ? character.toUpperCase().toLowerCase() : character.toLowerCase()
  }
  return folded
}

/** Cherokee folds to its capitals, which are the older letters. */
function cherokeeCapital(character: string): string {
  const code = character.charCodeAt(0)
  return String.fromCharCode(code >= 0xab70 ? code - 0x97d0 : code >= 0x13f8 ? code - 8 : code)
}

function toALabel(label: string): string | undefined {
  if (/^[\x00-\x7f]*$/.test(label)) return label
  if (LEADING_MARK.test(label) || !joinersAreInPlace(label)) return undefined
  if (label.startsWith('xn--')) return undefined
  const codePoints = Array.from(label, (character) => character.codePointAt(0) ?? 0)
  if (codePoints.length > MAX_LABEL_OCTETS) return 'a'.repeat(MAX_LABEL_OCTETS + 1) // too long in any case, which the caller tells
  return `xn--${encodePunycode(codePoints)}`
}

/** ContextJ (RFC 5892 A.1, A.2): a joiner follows a virama; the non-joiner may also stand between two letters that join. */
function joinersAreInPlace(label: string): boolean {
  for (let i = label.search(JOINERS); i >= 0 && i < label.length; i++) {
    const character = label.charAt(i)
    if (character !== ZWNJ && character !== ZWJ) continue
    if (VIRAMA_BEFORE.test(label.slice(0, i))) continue
    if (character === ZWJ) return false
    if (!JOINING_BEFORE.test(label.slice(0, i)) || !JOINING_AFTER.test(label.slice(i + 1))) return false
  }
  return true
}

const ZWNJ = '\u200c'
const ZWJ = '\u200d'
const JOINERS = /[\u200c\u200d]/
const DOTS = /[\u3002\uff0e\uff61]/g
const IGNORED = /[\u00ad\u034f\u180b-\u180d\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff\u{1bca0}-\u{1bca3}\u{e0100}-\u{e01ef}]/gu
/** Greek with iota below, and old forms of Cyrillic letters: lower case leaves them, folding does not. */
const FOLDS_BY_CAPITAL =
  /[\u0345\u1f80-\u1faf\u1fb2-\u1fb4\u1fb7\u1fbc\u1fc2-\u1fc4\u1fc7\u1fcc\u1ff2-\u1ff4\u1ff7\u1ffc\u1c80-\u1c88]/
const LEADING_MARK = /^\p{M}/u
/** Sigma in forms (lunate, mathematical) that NFKC would make the final one, which stays. */
const OTHER_SIGMA = /[\u03f2\u03f9\u{1d6d3}\u{1d70d}\u{1d747}\u{1d781}\u{1d7bb}]/gu
const CHEROKEE = /[\u13a0-\u13f5\u13f8-\u13fd\uab70-\uabbf]/
/** No character, or one whose compatibility form holds a dot (a numbered `1.`, a leader), or one that describes or announces others. */
const DISALLOWED_BEFORE =
  /[\p{Cn}\p{Co}\p{Cs}\u2024-\u2026\u2488-\u249b\u33c2\u33c7\u33d8\ufe12\ufe19\ufe30\ufe52\u{1f100}\u1806\u2ff0-\u2fff\u31ef\ufffc\ufffd]/u
/** Once the ignored ones are gone: controls, formats but the two joiners, white space, fillers. */
const DISALLOWED_AFTER = /[\p{Cc}\p{Zs}\p{Zl}\p{Zp}\u115f\u1160\u17b4\u17b5]|(?![\u200c\u200d])\p{Cf}/u
const VIRAMA_BEFORE =
  /[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u1734\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua8c4\ua953\ua9c0\uaaf6\uabed]$/u
const JOINING = '\\p{Script=Arabic}\\p{Script=Syriac}\\p{Script=Nko}\\p{Script=Mandaic}\\p{Script=Mongolian}\\p{Script=Phags_Pa}'
const JOINING_BEFORE = new RegExp(`[${JOINING}]\\p{M}*$`, 'u')
const JOINING_AFTER = new RegExp(`^\\p{M}*[${JOINING}]`, 'u')
