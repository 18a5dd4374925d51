/**
 * v2fly domain-list-community source files (their README, "Structure of data").
 *
 *   example.com @cn          the name and its subdomains, with an attribute;  also  domain:example.com
 *   full:example.com         this name alone
 *   keyword:example   regexp:^ad[0-9]+\.
 *   include:other @cn @-ads  what other holds, of that only entries with the attribute cn and without ads
 *   full:example.com:@cn,@ads   the same with attributes, as in the text files that are published beside geosite.dat
 *
 * An entry may also end in `&other`, which adds it to another list as well and changes nothing here. Included lists are asked for by
 * name; how deep, how many and how much is bounded, a list that includes itself is told, and one that was read under the same
 * conditions is not read again. Whatever is said about a line of an included list is said with the line of the `include:` that led there.
 */
import type { LineFormat } from './format-reader.ts'
import { LineReader } from './lines.ts'
import { DELETE, isBlank, asciiOctets, SPACE, startsWith } from './octets.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import type { ListOptions } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'

/** Which entries to take, by attribute; `-ads` is the attribute `ads` that must be missing. */
export type AttributeFilter = readonly string[]

/** Is this a line that only v2fly's lists have: a type or an attribute? */
export function isV2flyEntry(line: string): boolean {
  return /^\s*(?:(?:full|domain|keyword|regexp|include):\S|[^\s:=#]+(?:\s+[@&][\w!-]+)+\s*(?:#|$))/i.test(line)
}

/** Does an entry with these attributes pass? */
export function passes(filter: AttributeFilter, attributes: readonly string[]): boolean {
  return filter.every((wanted) => (wanted.startsWith('-') ? !attributes.includes(wanted.slice(1)) : attributes.includes(wanted)))
}

export class V2flyFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  readonly #include: (name: string) => Uint8Array | undefined
  readonly #maxLineBytes: number
  readonly #filter: AttributeFilter
  readonly #alreadyRead = new Set<string>()
  #includedBytes = 0

  constructor(emitter: RuleEmitter, options: ListOptions, maxLineBytes: number) {
    this.#emitter = emitter
    this.#include = options.include ?? (() => undefined)
    this.#maxLineBytes = maxLineBytes
    this.#filter = (options.attributes ?? []).map((attribute) => attribute.replace('@', '').toLowerCase())
  }

  /** One entry as text: a line of another format that holds v2fly's. */
  entry(text: string): void {
    this.#entry(text, this.#filter, [], '')
  }

  usualLine(bytes: Uint8Array, start: number, end: number): boolean {
    return this.#filter.length === 0 && isUsualEntry(this.#emitter, bytes, start, end)
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    this.#entry(decodeUtf8(bytes, start, end), this.#filter, [], '')
  }

  /** `path`: the lists we are inside of, the innermost last. `place`: what to put before the text of a complaint. */
  #entry(line: string, filter: AttributeFilter, path: readonly string[], place: string): void {
    const emitter = this.#emitter
    const [written, ...extras] = before(line, /#/)
      .split(/\s+/)
      .filter((field) => field !== '')
    if (written === undefined) return
    const { value, attributes } = withPublishedAttributes(written)
    for (const extra of extras) {
      if (extra.startsWith('@') && extra.length > 1) attributes.push(extra.slice(1).toLowerCase())
      else if (!extra.startsWith('&')) return emitter.skip(SkipReason.badSyntax, place + line)
    }
    const colon = value.indexOf(':')
    const type = colon < 0 ? 'domain' : value.slice(0, colon).toLowerCase()
    const text = value.slice(colon + 1)
    if (type === 'include') return this.#included(text.toLowerCase(), attributes, filter, path, place)
    if (!passes(filter, attributes)) return
    switch (type) {
      case 'domain':
        return emitter.name(RuleKind.suffix, text)
      case 'full':
        return emitter.name(RuleKind.exact, text)
      case 'keyword':
        return emitter.keyword(text)
      case 'regexp':
        return emitter.regexp(text)
      default:
        return emitter.skip(SkipReason.unsupportedRule, place + line)
    }
  }

  #included(name: string, ofThose: AttributeFilter, filter: AttributeFilter, path: readonly string[], place: string): void {
    const emitter = this.#emitter
    const complaint = `${place}include:${name}`
    if (!LIST_NAME.test(name)) return emitter.skip(SkipReason.badSyntax, complaint)
    if (path.includes(name)) return emitter.skip(SkipReason.includeCycle, complaint)
    if (path.length >= MAX_DEPTH) return emitter.skip(SkipReason.includeTooDeep, complaint)
    const combined = [...new Set([...filter, ...ofThose])].sort()
    if (combined.length > MAX_ATTRIBUTES) return emitter.skip(SkipReason.includeRefused, complaint)
    const key = [name, ...combined].join(' @')
    if (this.#alreadyRead.has(key)) return
    if (this.#alreadyRead.size >= MAX_INCLUDES) return emitter.skip(SkipReason.includeRefused, complaint)
    this.#alreadyRead.add(key)
    const bytes = this.#include(name)
    if (bytes === undefined) return emitter.skip(SkipReason.includeNotFound, complaint)
    this.#includedBytes += bytes.length
    if (this.#includedBytes > MAX_INCLUDED_BYTES) return emitter.skip(SkipReason.includeRefused, complaint)

    const inside = [...path, name]
    const lines = new LineReader(
      {
        line: (held, start, end, number) => {
          emitter.beginItem()
          if (combined.length === 0 && isUsualEntry(emitter, held, start, end)) return
          this.#entry(decodeUtf8(held, start, end), combined, inside, `${name}:${number}: `)
        },
        tooLong: (held, start, end, number) => {
          emitter.beginItem()
          emitter.skip(SkipReason.lineTooLong, `${name}:${number}: ${decodeUtf8(held, start, end)}`)
        },
      },
      this.#maxLineBytes,
    )
    lines.push(bytes)
    lines.end()
  }
}

/** `example.com`, `domain:example.com @cn`, `full:example.com @cn`: gives the rule, when no attribute is chosen. */
function isUsualEntry(emitter: RuleEmitter, bytes: Uint8Array, start: number, end: number): boolean {
  const isFull = startsWith(bytes, start, end, FULL)
  const from = isFull ? start + FULL.length : startsWith(bytes, start, end, DOMAIN) ? start + DOMAIN.length : start
  let to = from
  while (to < end && !isBlank(bytes[to])) to++
  if (!areAttributes(bytes, to, end)) return false
  return emitter.plainBytes(isFull ? RuleKind.exact : RuleKind.suffix, bytes, from, to)
}

/** Only `@attribute` and `&list`, with blanks between them. */
function areAttributes(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    if (isBlank(bytes[at])) {
      at++
      continue
    }
    if (bytes[at] !== AND && (bytes[at] !== AT || at + 1 === end || isBlank(bytes[at + 1]))) return false
    for (; at < end && !isBlank(bytes[at]); at++)
      if (bytes[at] <= SPACE || bytes[at] >= DELETE || bytes[at] === HASH) return false
  }
  return true
}

const FULL = asciiOctets('full:')
const DOMAIN = asciiOctets('domain:')
const AT = 0x40
const AND = 0x26
const HASH = 0x23

/** `full:example.com:@cn,@ads`: attributes behind a type and a value. */
function withPublishedAttributes(text: string): { value: string; attributes: string[] } {
  const at = text.lastIndexOf(':@')
  if (at <= text.indexOf(':') || !/^@[\w!-]+(?:,@[\w!-]+)*$/.test(text.slice(at + 1))) return { value: text, attributes: [] }
  const attributes = text.slice(at + 1).split(',')
  return { value: text.slice(0, at), attributes: attributes.map((attribute) => attribute.slice(1).toLowerCase()) }
}

const MAX_DEPTH = 32
const MAX_INCLUDES = 10_000
const MAX_INCLUDED_BYTES = 1 << 26
const MAX_ATTRIBUTES = 64
/** Also what keeps a name from leaving the folder it is looked up in. */
const LIST_NAME = /^[a-z0-9_!][a-z0-9_!.-]{0,127}$/
