/**
 * Clash and mihomo rule providers (wiki.metacubex.one: rule-providers), YAML or text, behaviour domain, classical or ipcidr.
 *
 *   payload:                       # YAML; text is the same without this line, the dashes and the quotes
 *     - 'example.com'              # domain: this name alone
 *     - '+.example.com'            # the name and its subdomains
 *     - '.example.com'             # the subdomains only
 *     - '*.example.com'            # one label;  also a.*.example.com
 *     - DOMAIN-SUFFIX,example.com  # classical: DOMAIN, DOMAIN-SUFFIX, DOMAIN-KEYWORD, DOMAIN-REGEX, DOMAIN-WILDCARD, IP-CIDR, IP-CIDR6
 *     - 192.0.2.0/24
 *
 * A line of `TYPE,value` is classical (clash-classical.ts), any other one is of domain or ipcidr behaviour. Surge, Loon and Quantumult X write the same
 * classical rules in text files; of a whole configuration of theirs only the section [Rule] is read. Of YAML only this shape is read, and
 * `payload: [ ... ]` on one line: no anchors, no block scalars, so no bombs.
 */
import type { LineFormat } from './format-reader.ts'
import { classicalRule, isClassical } from './clash-classical.ts'
import { looksLikeAddress } from './plain-words.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'
import { yamlItemEnd, yamlItemStart } from './yaml-item.ts'

export class ClashFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  /** Undefined until the first key is seen: then the file is YAML, and only what stands under `payload` is read. */
  #inPayload: boolean | undefined
  #inRules = true

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    if (this.#inPayload === true && this.#plainItem(bytes, start, end)) return
    const text = decodeUtf8(bytes, start, end)
    const trimmed = text.trim()
    if (trimmed === '' || /^(?:#|\/\/|;)/.test(trimmed) || /^(?:---|\.\.\.)(?:\s|$)/.test(text)) return
    if (/^\[[\w .-]+\]$/.test(trimmed)) {
      this.#inRules = /^\[(?:remote |local )?rule\]$/i.test(trimmed) || /^\[filter_(?:local|remote)\]$/i.test(trimmed)
      return
    }
    if (!this.#inRules) return this.#emitter.skip(SkipReason.otherSection, text)
    const key = /^([A-Za-z][\w-]*)\s*:(?:\s+(.*))?$/.exec(text)
    if (key !== null) return this.#yamlKey(key[1] ?? '', key[2] ?? '', text)
    if (this.#inPayload === false) return
    const dashed = /^-\s+(.*)$/.exec(trimmed)
    if (dashed !== null) this.#yamlItem(dashed[1] ?? '', text)
    else if (this.#inPayload === true) this.#emitter.skip(SkipReason.badSyntax, text)
    else this.#item(before(trimmed, /(?<=\s)(?:#|\/\/)/).trimEnd())
  }

  /** The fast way for `- '+.name'`, `- '.name'` and `- name`. */
  #plainItem(bytes: Uint8Array, start: number, end: number): boolean {
    const from = yamlItemStart(bytes, start, end)
    const to = from < 0 ? -1 : yamlItemEnd(bytes, from, end)
    if (to <= from) return false
    const emitter = this.#emitter
    if (bytes[from] === PLUS && bytes[from + 1] === DOT) return emitter.plainBytes(RuleKind.suffix, bytes, from + 2, to)
    if (bytes[from] === DOT) return emitter.plainBytes(RuleKind.subdomains, bytes, from + 1, to)
    // MATCH and FINAL have no dot.
    return bytes.subarray(from, to).includes(DOT) && emitter.plainBytes(RuleKind.exact, bytes, from, to)
  }

  #yamlKey(key: string, value: string, line: string): void {
    this.#inPayload = key === 'payload' || key === 'rules'
    if (!this.#inPayload) return
    const rest = before(value, /(?<=^|\s)#/).trim()
    if (rest === '' || rest === 'null' || rest === '~') return
    const flow = /^\[(.*)\]$/.exec(rest)
    if (flow === null) return this.#emitter.skip(SkipReason.badSyntax, line)
    for (const [item] of (flow[1] ?? '').matchAll(FLOW_ITEM)) this.#yamlItem(item.trim(), line)
    this.#inPayload = false
  }

  #yamlItem(value: string, line: string): void {
    const text = scalar(value)
    if (text === undefined) this.#emitter.skip(SkipReason.badSyntax, line)
    else this.#item(text)
  }

  #item(text: string): void {
    const emitter = this.#emitter
    if (text === '') return emitter.skip(SkipReason.emptyName, text)
    if (/^(?:MATCH|FINAL)(?:,.*)?$/i.test(text)) return emitter.skip(SkipReason.unsupportedRule, text)
    if (isClassical(text)) return classicalRule(emitter, text)
    if (text.includes(',')) return emitter.skip(SkipReason.unsupportedRule, text)
    if (looksLikeAddress(text)) {
      if (!emitter.address(text, false, true)) emitter.skip(SkipReason.badAddress, text)
      return
    }
    if (text.startsWith('+.') && !text.includes('*')) return emitter.name(RuleKind.suffix, text.slice(2))
    if (text.startsWith('.') && !text.includes('*')) return emitter.name(RuleKind.subdomains, text.slice(1))
    if (!text.includes('*')) return emitter.name(RuleKind.exact, text)
    const whole = text.split('.').every((label) => label === '*' || !/[*+]/.test(label))
    if (whole && !text.startsWith('.')) emitter.wildcard(text)
    else emitter.skip(SkipReason.unsupportedPattern, text)
  }
}

/** A YAML scalar on one line: quoted either way, or plain with an optional comment; undefined for all that is more than that. */
function scalar(text: string): string | undefined {
  const single = /^'((?:[^']|'')*)'\s*(?:#.*)?$/.exec(text)
  if (single !== null) return (single[1] ?? '').replaceAll("''", "'").trim()
  const double = /^"((?:[^"\\]|\\["\\/])*)"\s*(?:#.*)?$/.exec(text)
  if (double !== null) return (double[1] ?? '').replace(/\\(.)/g, '$1').trim()
  // `*.` begins an alias in YAML, but no alias has such a name; many lists leave the quotes out.
  if (/^(?:["'&!|>{}[\]%@`]|\*(?!\.))/.test(text) || /^\S+:\s/.test(text)) return undefined
  return before(text, /(?<=^|\s)#/).trim()
}

const PLUS = 0x2b
const DOT = 0x2e
const FLOW_ITEM = /'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s,'"][^,]*/g
