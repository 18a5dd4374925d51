/**
 * AdBlock-style lists as AdGuard's DNS filters read them (adguard-dns.io: DNS filtering rules syntax).
 *
 *   ||example.com^        the name and its subdomains        @@||example.com^     an exception
 *   |example.com^         this name alone                    ||x^$important       wins over exceptions without it
 *   example.com           this name alone (domains-only)     0.0.0.0 example.com  a line of a hosts file
 *   ||ad*.example.com^    `*` is any characters              /^ad[0-9]+\./        a regular expression
 *
 * A pattern without `^` or `|` at its end matches the beginning of longer names, as it does there. Of the modifiers only `important` can
 * be honoured here: a rule with any other (`client`, `dnstype`, `denyallow`, `dnsrewrite`, `badfilter`, all of a browser's) is
 * skipped and counted, an exception too, since each of them narrows or undoes the rule. Order of rules is of no meaning.
 */
import type { LineFormat } from './format-reader.ts'
import { globBody } from './glob.ts'
import { isHostsAddress, isLocalName } from './hosts.ts'
import { normalizeName } from './name.ts'
import { looksLikeAddress } from './plain.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'

export class AdblockFormat implements LineFormat {
  readonly #emitter: RuleEmitter

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    // ||name^ is nearly every line.
    if (end - start > 3 && bytes[start] === PIPE && bytes[start + 1] === PIPE && bytes[end - 1] === CARET) {
      if (bytes[end - 2] !== DOT && this.#emitter.plainBytes(RuleKind.suffix, bytes, start + 2, end - 1)) return
    }
    const text = decodeUtf8(bytes, start, end).trim()
    if (text === '') return
    if (text.startsWith('!')) {
      if (/^!#(?:if|include)\b/.test(text)) this.#emitter.skip(SkipReason.unsupportedDirective, text)
      return
    }
    if (COSMETIC.test(text)) return this.#emitter.skip(SkipReason.cosmeticRule, text)
    if (text.startsWith('#') || /^\[adblock|^\[[\w .]+\]$/i.test(text)) return
    this.#rule(text)
  }

  #rule(line: string): void {
    const emitter = this.#emitter
    const exception = line.startsWith('@@')
    const [pattern, modifiers] = split(exception ? line.slice(2) : line)
    let important = false
    for (const modifier of modifiers) {
      if (modifier !== 'important') return emitter.skip(SkipReason.unsupportedModifier, line)
      important = true
    }
    if (pattern.length > 1 && pattern.startsWith('/') && pattern.endsWith('/'))
      return emitter.regexp(pattern.slice(1, -1).replaceAll('\\/', '/'), exception, important)
    if (!exception && modifiers.length === 0 && this.#hostsLine(pattern)) return
    // Names may be followed by a comment in the domains-only form.
    this.#pattern(before(pattern, /(?<=\s)#/).trimEnd(), exception, important, line)
  }

  /** `address name...`, the hosts syntax such lists may mix in. */
  #hostsLine(text: string): boolean {
    const [address = '', ...names] = before(text, /#/).trim().split(/\s+/)
    if (names.length === 0 || !isHostsAddress(address)) return false
    for (const name of names) {
      if (isLocalName(name)) this.#emitter.skip(SkipReason.localName, name)
      else this.#emitter.name(RuleKind.exact, name)
    }
    return true
  }

  #pattern(pattern: string, exception: boolean, important: boolean, line: string): void {
    const emitter = this.#emitter
    const subdomainsToo = pattern.startsWith('||')
    const fromStart = !subdomainsToo && pattern.startsWith('|')
    const body = pattern.slice(subdomainsToo ? 2 : fromStart ? 1 : 0).replace(/(?:\^\|?|\|)$/, '')
    const toEnd = pattern.length > 1 && /[\^|]$/.test(pattern)
    if (/^[*.^|]*$/.test(body)) return emitter.skip(body === '' ? SkipReason.emptyName : SkipReason.tooBroad, line)
    if (body.includes('://')) return emitter.skip(SkipReason.url, line)
    if (looksLikeAddress(body)) {
      if (!emitter.address(body, exception)) emitter.skip(SkipReason.badAddress, line)
      return
    }
    // The beginning of an address: those are matched by prefix there.
    if (/[/^|?=&,:\s]/.test(body) || /^[0-9.]+$/.test(body)) return emitter.skip(SkipReason.unsupportedPattern, line)

    if (body.includes('*')) return this.#glob(body, subdomainsToo, fromStart, toEnd, exception, important, line)
    if (subdomainsToo && toEnd) return emitter.name(RuleKind.suffix, body, exception, important)
    if (fromStart && toEnd) return emitter.name(RuleKind.exact, body, exception, important)
    if (!subdomainsToo && !fromStart && !toEnd) {
      // Domains-only. A single word would be a piece of any name there: too easily meant otherwise.
      const inner = body.replace(/\.$/, '')
      if (!inner.includes('.') || body.startsWith('.')) return emitter.skip(SkipReason.unsupportedPattern, line)
      return emitter.name(RuleKind.exact, body, exception, important)
    }
    // .example.com^ and example.com^ end a name, |example. and ||example. begin one.
    if (body.startsWith('.') && toEnd && !fromStart) return emitter.name(RuleKind.subdomains, body.slice(1), exception, important)
    this.#glob(body, subdomainsToo, fromStart, toEnd, exception, important, line)
  }

  #glob(
    body: string,
    subdomainsToo: boolean,
    fromStart: boolean,
    toEnd: boolean,
    exception: boolean,
    important: boolean,
    line: string,
  ): void {
    // ||*.example.com^ asks for something before the name.
    const below = /^\*\.([^*]+)$/.exec(body)?.[1]
    if (below !== undefined && toEnd && normalizeName(below).name !== undefined)
      return this.#emitter.name(RuleKind.subdomains, below, exception, important)
    const source = globBody(body, '.*')
    if (source === undefined) return this.#emitter.skip(SkipReason.unsupportedPattern, line)
    const before = subdomainsToo ? '(?:^|\\.)' : fromStart ? '^' : ''
    this.#emitter.regexp(`${before}${source}${toEnd ? '$' : ''}`, exception, important)
  }
}

/** Pattern and modifiers. A regular expression keeps its own `$`. */
function split(rule: string): [pattern: string, modifiers: readonly string[]] {
  const closing = rule.startsWith('/') ? rule.lastIndexOf('/') : 0
  if (closing > 0 && closing === rule.length - 1) return [rule, []]
  const dollar = rule.indexOf('$', closing)
  if (dollar < 0) return [rule, []]
  return [
    rule.slice(0, dollar),
    rule
      .slice(dollar + 1)
      .split(',')
      .map((modifier) => modifier.trim()),
  ]
}

const PIPE = 0x7c
const CARET = 0x5e
const DOT = 0x2e
/** Element hiding, CSS, scriptlets and HTML filtering: `##`, `#@#`, `#?#`, `#$#`, `#%#`, `$$`. A comment begins with `# ` or `###`. */
const COSMETIC = /^[^#\s]*[^#\s]#(?:@?[?$%]?|[?$%]@?)#|^##(?=[^#\s])|^#[@?$%]{1,2}#|\$@?\$/
