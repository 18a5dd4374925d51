/**
 * Classifies one line: of which format is it evidence? The survey counts this over all lines of a list.
 *
 * A line gives the evidence of a format only when no other format has such a line. Names alone are written in several formats, so they are evidence
 * of none. What a line gives depends on that line and on nothing else. Nearly all lines of a big list are recognised by their octets;
 * the others are decoded and looked at by the character that ends their first word.
 */
import { parseAddress, parsePrefix } from '@dnstap-bgp/ip'
import { isClassical } from './clash-classical.ts'
import { DELETE, isBlank, SPACE, startsWith } from './octets.ts'
import { decodeUtf8 } from './utf8.ts'
import { yamlItemEnd, yamlItemStart } from './yaml-item.ts'

export const Evidence = {
  /** Blank, or a comment in every format. */
  none: 0,
  /** A name and nothing else: evidence of no format, and of several. */
  name: 1,
  /** `.example.com`. */
  dotted: 2,
  /** Another line that a plain list has: several names, an address, `!name`, a quoted or U-label name. */
  plain: 3,
  hosts: 4,
  dnsmasq: 5,
  adblock: 6,
  v2fly: 7,
  clash: 8,
  rpz: 9,
  routeros: 10,
  unbound: 11,
  smartdns: 12,
  dnscrypt: 13,
  /** A command or setting of some program: `key=value`, `word word ...;`, a brace. */
  command: 14,
  other: 15,
  /** `=name`, `*.name`: alike in plain lists and in those of dnscrypt-proxy. */
  plainOrDnscrypt: 16,
} as const
export type Evidence = (typeof Evidence)[keyof typeof Evidence]
export const EVIDENCE_KINDS = 17

/** Element hiding, CSS, scriptlets and HTML filtering: `##`, `#@#`, `#?#`, `#$#`, `#%#`, `$$`. A comment begins with `# ` or `###`. */
export const COSMETIC = /^[^#\s]*[^#\s]#(?:@?[?$%]?|[?$%]@?)#(?!\s|$)|^##(?=[^#\s])|^#[@?$%]{1,2}#|^[^\s$|/]*\$@?\$[^\s$]/

export class LineClassifier {
  /** The address and the blank of the last hosts line: the next one most often begins the same. */
  #prefix = new Uint8Array(0)
  /** The beginning of the last line whose beginning alone decides, and what it decides: the next line most often begins the same. */
  #beginning = new Uint8Array(0)
  #ofBeginning: Evidence = Evidence.none

  classify(bytes: Uint8Array, start: number, lineEnd: number): Evidence {
    let from = start
    while (from < lineEnd && isBlank(bytes[from])) from++
    let end = lineEnd
    while (end > from && isBlank(bytes[end - 1])) end--
    if (from === end) return Evidence.none
    const first = bytes[from]
    if (first === PIPE && isAnchored(bytes, from, end)) return Evidence.adblock
    if (first === DASH && isPlainItem(bytes, from, end)) return Evidence.clash
    let to = from
    while (to < end && NAME_OCTET[bytes[to]] !== 0) to++
    if (to === end) return oneWord(bytes, from, end)
    if (to > from && isBlank(bytes[to]) && this.#isKnownHosts(bytes, from, end)) return Evidence.hosts
    if (first === HASH && (end - from < 2 || isBlank(bytes[from + 1]))) return Evidence.none
    if (this.#beginsTheSame(bytes, from, end)) return this.#ofBeginning
    const text = decodeUtf8(bytes, from, Math.min(end, from + MAX_LOOKED))
    const evidence = to === from ? bySymbol(text) : byDelimiter(text, to - from)
    if (evidence === Evidence.hosts && isBlank(bytes[to])) this.#prefix = bytes.slice(from, to + 1)
    const deciding = DECIDING.get(evidence)?.exec(text)?.[0].length ?? 0
    if (deciding > 0) {
      this.#beginning = bytes.slice(from, from + deciding)
      this.#ofBeginning = evidence
    }
    return evidence
  }

  /** One more printable character of ASCII must follow. */
  #beginsTheSame(bytes: Uint8Array, from: number, end: number): boolean {
    const beginning = this.#beginning
    const next = bytes[from + beginning.length]
    return beginning.length > 0 && next > SPACE && next < DELETE && startsWith(bytes, from, end - 1, beginning)
  }

  /** The address of the line before, a blank, and one name. */
  #isKnownHosts(bytes: Uint8Array, from: number, end: number): boolean {
    const prefix = this.#prefix
    if (prefix.length === 0 || end - from <= prefix.length) return false
    for (let i = 0; i < prefix.length; i++) if (bytes[from + i] !== prefix[i]) return false
    for (let i = from + prefix.length; i < end; i++) if (NAME_OCTET[bytes[i]] === 0) return false
    return true
  }
}

/** `||name^`. */
function isAnchored(bytes: Uint8Array, from: number, end: number): boolean {
  if (end - from < 4 || bytes[from + 1] !== PIPE || bytes[end - 1] !== CARET) return false
  for (let i = from + 2; i < end - 1; i++) if (NAME_OCTET[bytes[i]] === 0) return false
  return true
}

/** `- '+.name'` and `- name`. */
function isPlainItem(bytes: Uint8Array, from: number, end: number): boolean {
  const start = yamlItemStart(bytes, from, end)
  const to = start < 0 ? -1 : yamlItemEnd(bytes, start, end)
  if (to <= start) return false
  for (let i = bytes[start] === PLUS ? start + 1 : start; i < to; i++) if (NAME_OCTET[bytes[i]] === 0) return false
  return bytes[start] !== PLUS || (bytes[start + 1] === DOT && to > start + 2)
}

/** Letters, digits, `.`, `-` and `_` only. */
function oneWord(bytes: Uint8Array, from: number, end: number): Evidence {
  if (bytes[from] === DOT) return Evidence.dotted
  for (let i = from; i < end; i++) if (bytes[i] > NINE) return Evidence.name
  return Evidence.plain // an address, or a name of digits
}

/** The line begins with a character that no name has. */
function bySymbol(text: string): Evidence {
  switch (text.charAt(0)) {
    case '#':
      return COSMETIC.test(text) ? Evidence.adblock : Evidence.none
    case ';':
      return Evidence.none
    case '!':
      return /^!(?:[.*=@|+-]*[\w-]+\.)+[\w-]+$/.test(text) ? Evidence.plain : Evidence.none
    case '/':
      if (text.startsWith('//')) return Evidence.none
      if (ROUTEROS_MENU.test(text.slice(1))) return Evidence.routeros
      return /^\/.+\/(?:\$\S*)?$/.test(text) ? Evidence.adblock : Evidence.command
    case '|':
    case '@':
      if (/^(?:@@)?\|\|?[^\s|]|^@@\S/.test(text)) return Evidence.adblock
      return RPZ_RECORD.test(text) ? Evidence.rpz : Evidence.other
    case '=':
      return /^=[\w.-]+$/.test(text) ? Evidence.plainOrDnscrypt : byFirstWord(text)
    case '+':
      return /^\+\.[^\s*]+$/.test(text) ? Evidence.clash : Evidence.other
    case '$':
      return /^\$(?:ORIGIN|TTL|INCLUDE|GENERATE)\s/i.test(text) ? Evidence.rpz : Evidence.command
    case ':':
      if (/^:do\s*\{\s*add\s/.test(text)) return Evidence.routeros
      return byFirstWord(text)
    case '*':
      if (/^\*\.[\w.-]+$/.test(text)) return Evidence.plainOrDnscrypt
      if (COSMETIC.test(text)) return Evidence.adblock
      if (/\s/.test(text)) return RPZ_RECORD.test(text) ? Evidence.rpz : byFirstWord(text)
      if (/^\*[^*.?[]+(?:\.[^*.?[]+)*\*$/.test(text) || GLOB.test(text)) return Evidence.dnscrypt
      return isPlainWord(text) ? Evidence.plain : Evidence.adblock
    default:
      return /^[{}()[\]<]/.test(text) ? Evidence.command : byFirstWord(text)
  }
}

/** The first word is of name characters, `length` of them, and another character follows. */
function byDelimiter(text: string, length: number): Evidence {
  const word = text.slice(0, length)
  const delimiter = text.charAt(length)
  const rest = text.slice(length + 1)
  switch (delimiter) {
    case '#':
      return COSMETIC.test(text) ? Evidence.adblock : ofWord(word)
    case ' ':
    case '\t':
      return byFirstWord(text)
    case ':':
      if (V2FLY_TYPE.test(word) && /^\S/.test(rest)) return Evidence.v2fly
      if (UNBOUND_KEY.test(word) && /^(?:\s|$)/.test(rest)) return Evidence.unbound
      if (HOSTS_LINE.test(text)) return Evidence.hosts
      if (parsePrefix(text) !== undefined) return Evidence.plain
      return /^(?:\s|$)/.test(rest) ? Evidence.command : Evidence.other
    case '=':
      return DNSMASQ_KEY.test(word) ? Evidence.dnsmasq : Evidence.command
    case ',':
      if (isClassical(text)) return Evidence.clash
      if (COSMETIC.test(text)) return Evidence.adblock
      return text.split(/[\s,]+/).every((item) => item === '' || isPlainWord(item)) ? Evidence.plain : Evidence.other
    case '/':
      return parsePrefix(text.split(/[\s#,;]/)[0] ?? '') !== undefined ? Evidence.plain : Evidence.other
    case '^':
      return /^\S+\^(?:\$\S*)?$/.test(text) ? Evidence.adblock : Evidence.other
    case '$':
      return COSMETIC.test(text) || /^\S+\$[a-z~]/.test(text) ? Evidence.adblock : Evidence.other
    case '*':
    case '?':
    case '[':
      if (/\s/.test(text) && RPZ_RECORD.test(text)) return Evidence.rpz
      if (COSMETIC.test(text)) return Evidence.adblock
      if (/^[^*?[]+\*(?:\s+@\S+)?$/.test(text) || GLOB.test(text)) return Evidence.dnscrypt
      return isPlainWord(text.split(/\s/)[0] ?? '') ? Evidence.plain : Evidence.other
    case ';':
      return rest.trim() === '' ? ofWord(word) : Evidence.command
    default:
      return byFirstWord(text)
  }
}

/** Words with blanks between them, or characters that need a closer look. */
function byFirstWord(text: string): Evidence {
  const [first = '', second = ''] = text.split(/\s+/, 2)
  if (second === '') return isPlainWord(first) ? Evidence.plain : Evidence.other
  if (first === '-') return ofYamlItem(text.slice(1).trim())
  if (HOSTS_LINE.test(text)) return Evidence.hosts
  if (/^(?:#|\/\/|;)/.test(second)) return isPlainWord(first) ? ofWord(first) : Evidence.other
  if (RPZ_RECORD.test(text)) return Evidence.rpz
  if (first === 'add' && /\s(?:name|regexp|address)=/.test(text)) return Evidence.routeros
  if (ROUTEROS_MENU.test(text)) return Evidence.routeros
  if (SMARTDNS_LINE.test(text)) return Evidence.smartdns
  if (/^[^\s:=]+(?:\s+[@&][^\s=]+)+\s*(?:#.*)?$/.test(text)) return GLOB_WORD.test(first) ? Evidence.dnscrypt : Evidence.v2fly
  if (/(?:^|\s)[\w-]+=|[{};]$|=\s/.test(text)) return Evidence.command
  const words = text.replace(/\s(?:#|;|\/\/).*$/, '').split(/[\s,]+/)
  return words.every((word) => word === '' || (isPlainWord(word) && word.includes('.'))) ? Evidence.plain : Evidence.other
}

function ofYamlItem(item: string): Evidence {
  const text = item.replace(/^['"]/, '').replace(/['"]\s*(?:#.*)?$/, '')
  if (isClassical(text) || /^(?:\+\.|\*\.)?[^\s:=/^|]+$/.test(text) || parsePrefix(text) !== undefined) return Evidence.clash
  return Evidence.other
}

function ofWord(word: string): Evidence {
  return word.startsWith('.') ? Evidence.dotted : /[^0-9.]/.test(word) ? Evidence.name : Evidence.plain
}

/** A name as plain lists write it, or an address. */
function isPlainWord(word: string): boolean {
  return PLAIN_WORD.test(word) || parseAddress(word) !== undefined || parsePrefix(word) !== undefined
}

const PIPE = 0x7c
const CARET = 0x5e
const HASH = 0x23
const DASH = 0x2d
const PLUS = 0x2b
const DOT = 0x2e
const NINE = 0x39
/** Characters of a line that are looked at: enough for evidence, too few for a pattern to take long over. */
const MAX_LOOKED = 512
const NAME_OCTET = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet < 0x80 && /[A-Za-z0-9._-]/.test(String.fromCharCode(octet)) ? 1 : 0,
)

/** Beginnings, all of ASCII, that give a line this evidence whatever printable character follows them. */
const DECIDING: ReadonlyMap<Evidence, RegExp> = new Map([
  [Evidence.dnsmasq, /^[a-z-]+=/],
  [Evidence.v2fly, /^[a-z]+:/i],
  [Evidence.routeros, /^(?:add name=|\/?ip dns static add )/],
])

const PLAIN_WORD = /^['"]?(?:!|@@)?[=+]?[^\s/|^=:,;*#()[\]{}<>"'$?@]*(?:\*\.?[^\s/|^=:,;*#()[\]{}<>"'$?@]+)*['"]?;?$/
const HOSTS_LINE = /^(?:0|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*(?:%\w+)?)\s+(?![0-9.]+(?:\s|\/|,|$))[^\s#/,]+/i
const V2FLY_TYPE = /^(?:full|domain|keyword|regexp|include)$/i
const UNBOUND_KEY =
  /^(?:server|local-zone|local-data|local-data-ptr|(?:forward|stub|auth)-zone|(?:forward|stub)-(?:addr|host|first|tls-upstream|ssl-upstream|no-cache|prime)|name|remote-control|include|python|dynlib|rpz)$/
const DNSMASQ_KEY =
  /^(?:--)?(?:server|local|address|ipset|nftset|rev-server|cname|host-record|conf-file|addn-hosts|bogus-nxdomain|rebind-domain-ok|domain|no-resolv|cache-size|filterwin2k)$/
const RPZ_RECORD =
  /^\S+\s+(?:[0-9]+[smhdw]?\s+)?(?:IN\s+)?(?:CNAME\s+(?:\.|\*\.|rpz-[a-z-]+\.?)\s*(?:;.*)?$|SOA\s+\S+\s+\S+)|^\S+\s+(?:[0-9]+\s+)?(?:IN\s+)?(?:CNAME|A|AAAA|TXT|NS)\s+\S/i
const ROUTEROS_MENU = /^(?:(?:ip|ipv6)[ /]+(?:dns|firewall|address)\b|interface\b|system\b|routing\b)/
const SMARTDNS_LINE =
  /^(?:address|nameserver|domain-rules?|ipset|nftset|cname|speed-check-mode)\s+(?:\/|#|-)|^domain-set\s+-|^(?:conf-file|server(?:-tcp|-tls|-https|-quic)?|bind(?:-tcp|-tls)?|proxy-server)\s+\S+(?:\s+-|$)/
const GLOB = /^[\w.*?[\]^!-]*(?:\?|\[[^\]]+\])[\w.*?[\]^!-]*$/
const GLOB_WORD = /^\*[^*]+\*$|[^*]\*$|[?[]/
