/**
 * AdBlock-style lists as AdGuard's DNS filters read them (adguard-dns.io: DNS filtering rules syntax).
 *
 *   ||example.com^        the name and its subdomains        @@||example.com^     an exception
 *   |example.com^         this name alone                    ||x^$important       wins over exceptions without it
 *   example.com           this name alone (domains-only)     0.0.0.0 example.com  a line of a hosts file
 *   ||ad*.example.com^    `*` is any characters              /^ad[0-9]+\./        a regular expression
 *   ||example.com/*       every URL of these hosts: as ||example.com^
 *   ://example.com^       also http://example.com^, |https://example.com/: this name alone
 *   ||x^$denyallow=a.x    the name and its subdomains but a.x and its subdomains
 *   ||x^$badfilter        switches the rule ||x^ off, wherever it stands; the survey has gathered these
 *
 * `||example.com` without `^` matches the beginning of longer names there. Nobody means those: it is read as the name and its subdomains, which is
 * less. A beginning that ends in a dot (`||ads.`) is read as one. Other modifiers (`client`, `dnstype`, `dnsrewrite`, all of a
 * browser's) narrow or undo a rule: it is skipped, an exception too. Order of rules is of no meaning.
 */
import { COSMETIC } from './evidence.ts'
import type { LineFormat } from './format-reader.ts'
import { globBody } from './glob.ts'
import { hostsNames, isLocalName } from './hosts.ts'
import { normalizeName } from './normalize-name.ts'
import { looksLikeAddress } from './plain-words.ts'
import type { NameKind, RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { ruleKey } from './survey.ts'
import { before, decodeUtf8 } from './utf8.ts'

export class AdblockFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  readonly #switchedOff: ReadonlySet<string>

  constructor(emitter: RuleEmitter, switchedOff: ReadonlySet<string>) {
    this.#emitter = emitter
    this.#switchedOff = switchedOff
  }

  /** `||name^`. */
  usualLine(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#switchedOff.size > 0 || end - start <= 3) return false
    if (bytes[start] !== PIPE || bytes[start + 1] !== PIPE || bytes[end - 1] !== CARET || bytes[end - 2] === DOT) return false
    return this.#emitter.plainBytes(RuleKind.suffix, bytes, start + 2, end - 1)
  }

  line(bytes: Uint8Array, start: number, end: number): void {
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
    if (modifiers.includes('badfilter') || this.#switchedOff.has(ruleKey(`${exception ? '@@' : ''}${pattern}`, modifiers)))
      return emitter.skip(SkipReason.switchedOff, line)
    const rule: Rule = { exception, important: modifiers.includes('important'), except: [], line }
    for (const modifier of modifiers) {
      if (modifier === 'important') continue
      if (modifier.startsWith('denyallow=') && !exception) rule.except.push(...modifier.slice('denyallow='.length).split('|'))
      else return this.#unsupported(modifier, pattern, rule)
    }
    if (pattern.length > 1 && pattern.startsWith('/') && pattern.endsWith('/')) {
      if (rule.except.length > 0) return emitter.skip(SkipReason.unsupportedModifier, line)
      return emitter.regexp(pattern.slice(1, -1).replaceAll('\\/', '/'), exception, rule.important)
    }
    if (!exception && modifiers.length === 0 && this.#hostsLine(pattern)) return
    // Names may be followed by a comment in the domains-only form.
    this.#pattern(before(pattern, /(?<=\s)#/).trimEnd(), rule)
  }

  /** What an exception of a browser's modifiers excepts is no lookup; one of a resolver's is. */
  #unsupported(modifier: string, pattern: string, { exception, line }: Rule): void {
    const name = /^(?:\|\|)?([^|^*/]+)\^?$/.exec(pattern)?.[1] ?? ''
    if (exception && RESOLVER_MODIFIER.test(modifier)) this.#emitter.skipException(SkipReason.unsupportedModifier, line, name)
    else this.#emitter.skip(SkipReason.unsupportedModifier, line)
  }

  /** `address name...`, the hosts syntax such lists may mix in. */
  #hostsLine(text: string): boolean {
    const names = hostsNames(before(text, /#/).trim().split(/\s+/))
    if (names === undefined) return false
    for (const name of names) {
      if (isLocalName(name)) this.#emitter.skip(SkipReason.localName, name)
      else this.#emitter.name(RuleKind.exact, name)
    }
    return true
  }

  #pattern(pattern: string, rule: Rule): void {
    const emitter = this.#emitter
    const { exception, line } = rule
    const url = HOST_OF_URL.exec(pattern)
    if (url !== null) return this.#name(url[1] === undefined ? RuleKind.exact : RuleKind.subdomains, url[2] ?? '', rule)
    const subdomainsToo = pattern.startsWith('||')
    const fromStart = !subdomainsToo && pattern.startsWith('|')
    const unanchored = pattern.slice(subdomainsToo ? 2 : fromStart ? 1 : 0)
    const body = unanchored.replace(subdomainsToo ? /(?:\^[|*]?|\||\/\*?)$/ : /(?:\^\|?|\|)$/, '')
    const toEnd = body.length < unanchored.length
    if (/^[*.^|]*$/.test(body)) return this.#skip(body === '' ? SkipReason.emptyName : SkipReason.tooBroad, rule)
    if (body.includes('://')) return emitter.skip(SkipReason.url, line)
    if (looksLikeAddress(body)) {
      if (!emitter.address(body, exception)) emitter.skip(SkipReason.badAddress, line)
      return
    }
    // A path, which a name cannot decide; or the beginning of an address: those are matched by prefix there.
    if (/[/^|?=&,:\s]/.test(body) || /^[0-9.]+$/.test(body)) return emitter.skip(SkipReason.unsupportedPattern, line)

    if (body.includes('*')) return this.#glob(body, subdomainsToo, fromStart, toEnd, rule)
    const isWhole = toEnd || (body.includes('.') && !/^\.|\.$/.test(body))
    if (subdomainsToo && isWhole) return this.#name(RuleKind.suffix, body, rule)
    if (fromStart && isWhole) return this.#name(RuleKind.exact, body, rule)
    if (!subdomainsToo && !fromStart && !toEnd) {
      // Domains-only. A single word would be a piece of any name there: too easily meant otherwise.
      const inner = body.replace(/\.$/, '')
      if (!inner.includes('.') || body.startsWith('.')) return this.#skip(SkipReason.unsupportedPattern, rule)
      return this.#name(RuleKind.exact, body, rule)
    }
    // .example.com^ and example.com^ end a name, |example. and ||example. begin one.
    if (body.startsWith('.') && toEnd && !fromStart) return this.#name(RuleKind.subdomains, body.slice(1), rule)
    this.#glob(body, subdomainsToo, fromStart, toEnd, rule)
  }

  /** A rule for one name, and the exceptions that $denyallow makes below it. */
  #name(kind: NameKind, text: string, rule: Rule): void {
    const emitter = this.#emitter
    const { exception, important, except, line } = rule
    if (except.length === 0) return emitter.name(kind, text, exception, important)
    const name = normalizeName(text).name ?? ''
    const excepted = except.map((each) => normalizeName(each.trim()).name)
    const below = excepted.filter((each) => each !== undefined && (each === name || each.endsWith(`.${name}`)))
    // One that covers the whole rule leaves nothing of it; what lies elsewhere excepts nothing.
    if (excepted.some((each) => each === undefined || each === name || name.endsWith(`.${each}`)) || name === '')
      return emitter.skip(SkipReason.unsupportedModifier, line)
    emitter.name(kind, text, false, important)
    for (const each of below) emitter.literalName(RuleKind.suffix, each ?? '', true, important)
  }

  #glob(body: string, subdomainsToo: boolean, fromStart: boolean, toEnd: boolean, rule: Rule): void {
    // ||*.example.com^ asks for something before the name.
    const below = /^\*\.([^*]+)$/.exec(body)?.[1]
    if (below !== undefined && toEnd && normalizeName(below).name !== undefined)
      return this.#name(RuleKind.subdomains, below, rule)
    const source = globBody(body, '.*')
    if (source === undefined) return this.#skip(SkipReason.unsupportedPattern, rule)
    if (rule.except.length > 0) return this.#emitter.skip(SkipReason.unsupportedModifier, rule.line)
    const before = subdomainsToo ? '(?:^|\\.)' : fromStart ? '^' : ''
    this.#emitter.regexp(`${before}${source}${toEnd ? '$' : ''}`, rule.exception, rule.important)
  }

  /** A pattern that is not a host name matches URLs, and an exception for URLs does not concern DNS. */
  #skip(reason: SkipReason, { exception, line }: Rule): void {
    if (exception && reason === SkipReason.tooBroad) this.#emitter.skipException(reason, line)
    else this.#emitter.skip(reason, line)
  }
}

/** What stands around the pattern of a rule. */
interface Rule {
  readonly exception: boolean
  readonly important: boolean
  /** The names of $denyallow. */
  readonly except: string[]
  readonly line: string
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
const RESOLVER_MODIFIER = /^(?:client|ctag|dnstype|dnsrewrite|denyallow)\b/
/** A URL of which only the host is given: `http://x^`, `://x/`, `|https://x`, `*://*.x/*`. */
const HOST_OF_URL = /^\|?(?:https?|wss?|ftp|\*)?:\/\/(\*\.)?([^/^|:*?=&,\s$]+)(?:\^[|*]?|\/\*?|\|)?$/i
