/**
 * RouterOS exports of `/ip dns static` and of address lists (help.mikrotik.com: DNS, static; Address-lists).
 *
 *   /ip dns static
 *   add name=example.com type=FWD forward-to=192.0.2.53 match-subdomain=yes
 *   add address=192.0.2.1 comment="a \"quoted\" word" disabled=yes name=example.net
 *   add regexp="(^|\\.)example\\.org\$" type=NXDOMAIN
 *   ip dns static add address=240.0.0.1 name=one.test       the slash may be missing, and the menu stand in each line
 *   /ip firewall address-list
 *   add list=vpn address=192.0.2.0/24                       an address; or a name, which the router itself looks up
 *
 * A name stands for itself alone unless match-subdomain=yes; `*.example.com` stands for the subdomains. An export breaks long lines with a backslash and indents what follows;
 * disabled entries and all other commands and menus are passed by, counted.
 */
import type { LineFormat } from './format-reader.ts'
import { addressFault, looksLikeAddress } from './plain-words.ts'
import { DELETE, equals, asciiOctets, SPACE, startsWith } from './octets.ts'
import type { NameKind, RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'

export class RouterosFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  readonly #maxCommand: number
  #command = '' // the beginning of a command that goes on in the next line
  #commandLine = 0
  #continues = false
  #tooLong = false
  #menu: Menu = 'static' // a snippet without a menu is read as `/ip dns static`

  constructor(emitter: RuleEmitter, maxLineBytes: number) {
    this.#emitter = emitter
    this.#maxCommand = maxLineBytes
  }

  usualLine(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#continues || this.#menu !== 'static' || end - start > this.#maxCommand) return false
    return isUsualEntry(this.#emitter, bytes, start, end)
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const text = decodeUtf8(bytes, start, end)
    if (!this.#continues) {
      this.#command = ''
      this.#tooLong = false
      this.#commandLine = this.#emitter.line
    }
    const piece = this.#continues ? text.trimStart() : text
    const isComment = !this.#continues && piece.trimStart().startsWith('#')
    this.#continues = !isComment && ENDS_IN_BACKSLASH.test(text)
    if (this.#command.length + piece.length > this.#maxCommand) this.#tooLong = true
    else this.#command += this.#continues ? piece.slice(0, -1) : piece
    if (!this.#continues) this.#finish()
  }

  end(): void {
    if (this.#continues) this.#finish()
  }

  #finish(): void {
    const lastLine = this.#emitter.line
    this.#emitter.line = this.#commandLine
    if (this.#tooLong) this.#emitter.skip(SkipReason.lineTooLong, this.#command)
    else this.#run(this.#command.trim())
    this.#emitter.line = lastLine
  }

  #run(command: string): void {
    let text = command.replace(/^:do\s*\{\s*/, '').replace(/\}\s*on-error\s*=\s*\{[^{}]*\}\s*$/, '')
    if (text === '' || text.startsWith('#')) return
    const [menu = ''] = MENU.exec(text) ?? []
    if (menu !== '') {
      this.#menu = STATIC.test(menu) ? 'static' : ADDRESS_LIST.test(menu) ? 'address-list' : 'other'
      text = text.slice(menu.length).replace(/^[ /]+/, '')
      if (text === '') return
    }
    if (this.#menu === 'other' || !/^add(?:\s|$)/.test(text)) return this.#emitter.skip(SkipReason.unsupportedDirective, command)
    const properties = readProperties(text.slice('add'.length))
    if (properties === undefined) this.#emitter.skip(SkipReason.badSyntax, command)
    else if (isYes(properties.get('disabled'))) this.#emitter.skip(SkipReason.disabled, command)
    else if (this.#menu === 'address-list' || isAddressListEntry(properties)) this.#addAddress(properties, command)
    else this.#add(properties, command)
  }

  #add(properties: ReadonlyMap<string, string>, command: string): void {
    const emitter = this.#emitter
    const regexp = properties.get('regexp') ?? ''
    const name = properties.get('name') ?? ''
    if (regexp !== '') emitter.regexp(regexp)
    else if (name === '') emitter.skip(SkipReason.noName, command)
    else if (name === '*' || name === '*.') emitter.skip(SkipReason.tooBroad, command)
    else if (name.startsWith('*.')) emitter.name(RuleKind.subdomains, name.slice(2))
    else emitter.name(isYes(properties.get('match-subdomain')) ? RuleKind.suffix : RuleKind.exact, name)
  }

  #addAddress(properties: ReadonlyMap<string, string>, command: string): void {
    const emitter = this.#emitter
    const address = properties.get('address') ?? ''
    if (address === '') emitter.skip(SkipReason.noName, command)
    else if (!looksLikeAddress(address)) emitter.name(RuleKind.exact, address)
    else if (!emitter.address(address, false, true)) emitter.skip(addressFault(address), command)
  }
}

type Menu = 'static' | 'address-list' | 'other'

/** In a snippet without its menu: what an address list has, and a static entry has not. */
function isAddressListEntry(properties: ReadonlyMap<string, string>): boolean {
  return properties.has('list') && properties.has('address') && !properties.has('name') && !properties.has('regexp')
}

/** `key=value key="quoted value"`; undefined when something else stands between. */
function readProperties(text: string): Map<string, string> | undefined {
  const properties = new Map<string, string>()
  let rest = text.trimStart()
  while (rest !== '') {
    const property = PROPERTY.exec(rest)
    if (property === null) return undefined
    const [whole, key = '', quoted, bare = ''] = property
    properties.set(key.toLowerCase(), quoted === undefined ? bare : unescape(quoted))
    rest = rest.slice(whole.length).trimStart()
  }
  return properties
}

/**
 * `add name=example.com type=FWD match-subdomain=yes`: gives the rule. Quotes, escapes, braces, and properties that make an entry mean something
 * else are left to line().
 */
function isUsualEntry(emitter: RuleEmitter, bytes: Uint8Array, start: number, end: number): boolean {
  if (!startsWith(bytes, start, end, ADD)) return false
  let nameStart = -1
  let nameEnd = -1
  let kind: NameKind | undefined
  for (let at = start + ADD.length; at < end;) {
    if (bytes[at] === SPACE) {
      at++
      continue
    }
    const equalsAt = keyEnd(bytes, at, end)
    const valueEnd = equalsAt < 0 ? -1 : bareValueEnd(bytes, equalsAt + 1, end)
    if (valueEnd < 0) return false
    if (equals(bytes, at, equalsAt, NAME)) {
      if (nameStart >= 0) return false
      nameStart = equalsAt + 1
      nameEnd = valueEnd
    } else if (equals(bytes, at, equalsAt, MATCH_SUBDOMAIN)) {
      if (kind !== undefined) return false
      const isWide = equals(bytes, equalsAt + 1, valueEnd, YES) || equals(bytes, equalsAt + 1, valueEnd, TRUE)
      kind = isWide ? RuleKind.suffix : RuleKind.exact
    } else if (CHANGES_MEANING.some((key) => equals(bytes, at, equalsAt, key))) return false
    at = valueEnd
  }
  return nameStart >= 0 && emitter.plainBytes(kind ?? RuleKind.exact, bytes, nameStart, nameEnd)
}

/** The place of the `=` behind a key in lower case; -1: no such key begins here. */
function keyEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  for (; at < end && bytes[at] !== EQUALS; at++) {
    const isLetter = bytes[at] >= 0x61 && bytes[at] <= 0x7a
    if (!isLetter && (bytes[at] !== DASH || at === start)) return -1
  }
  return at === end || at === start ? -1 : at
}

/** Where a value without quotes ends; -1: it holds something that line() must read. */
function bareValueEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  for (; at < end && bytes[at] !== SPACE; at++) {
    const octet = bytes[at]
    if (octet < SPACE || octet >= DELETE || octet === QUOTE || octet === BACKSLASH || octet === OPENING || octet === CLOSING)
      return -1
  }
  return at
}

const ADD = asciiOctets('add ')
const NAME = asciiOctets('name')
const MATCH_SUBDOMAIN = asciiOctets('match-subdomain')
const YES = asciiOctets('yes')
const TRUE = asciiOctets('true')
const CHANGES_MEANING = ['regexp', 'disabled', 'list'].map(asciiOctets)
const EQUALS = 0x3d
const DASH = 0x2d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING = 0x7b
const CLOSING = 0x7d

/** RouterOS string escapes. */
function unescape(text: string): string {
  return text.replace(/\\(?:([0-9A-F]{2})|(.))/gs, (_whole, hex: string | undefined, character = '') => {
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16))
    return CONTROL_ESCAPES.get(character) ?? character
  })
}

function isYes(value: string | undefined): boolean {
  return value === 'yes' || value === 'true'
}

/** A menu at the beginning of a command; without its slash only those that are ours. */
const MENU =
  /^\/[a-z0-9-]+(?:[ /]+(?!add\b|set\b|remove\b|print\b|export\b)[a-z0-9-]+)*|^ip[ /]+dns[ /]+static(?=[ /]|$)|^ipv?6?[ /]+firewall[ /]+address-list(?=[ /]|$)|^(?:ip|ipv6|interface|system|routing)(?:[ /]+(?!add\b|set\b|remove\b|print\b|export\b)[a-z0-9-]+)+/i
const STATIC = /^\/?ip[ /]+dns[ /]+static$/i
const ADDRESS_LIST = /^\/?ip(?:v6)?[ /]+firewall[ /]+address-list$/i
const CONTROL_ESCAPES = new Map(Object.entries({ n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b', f: '\f', v: '\v', _: ' ' }))
const PROPERTY = /^([A-Za-z][\w-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)/s
/** An odd number of them: an even number is escaped backslashes. */
const ENDS_IN_BACKSLASH = /(?<!\\)(?:\\\\)*\\$/
