/**
 * sing-box rule-set source (sing-box.sagernet.org: rule-set, source format, headless rule).
 *
 *   { "version": 3, "rules": [
 *       { "domain": ["a.example"],          this name alone
 *         "domain_suffix": ["b.example",    the name and its subdomains
 *                           ".c.example"],  the subdomains only
 *         "domain_keyword": ..., "domain_regex": ..., "ip_cidr": ... },
 *       { "type": "logical", "mode": "or", "rules": [ ... ] },
 *       { "type": "logical", "mode": "and", "rules": [            these names but those: the inverted ones become exceptions
 *           { "domain_suffix": ["d.example"] }, { "domain": ["ok.d.example"], "invert": true } ] } ] }
 *
 * The fields above widen a rule; any other field narrows it (a port, a process, a network), so a rule with one is not a rule about names
 * and is skipped whole. So is one that is inverted, and a logical rule that is neither plainly `or` nor plainly "these but those"
 * (sing-box-but-not.ts). As keys come in any order, a rule's names are held, as bytes, until it is over.
 */
import type { ChunkFormat } from './format-reader.ts'
import { jsonText, JsonScanner } from './json-scanner.ts'
import type { JsonEvents } from './json-scanner.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { SkipReason } from './rule.ts'
import { makeExceptions } from './sing-box-but-not.ts'
import type { RulePart } from './sing-box-but-not.ts'
import { ENTRY_FIELDS, PendingEntries } from './sing-box-entries.ts'

export class SingBoxFormat implements ChunkFormat, JsonEvents {
  readonly #emitter: RuleEmitter
  readonly #scanner: JsonScanner
  readonly #pending = new PendingEntries()
  /** What the containers we are inside of mean, and the rules among them; the innermost last. */
  readonly #places: Place[] = []
  readonly #rules: OpenRule[] = []
  #key = ''

  constructor(emitter: RuleEmitter, maxStringBytes: number) {
    this.#emitter = emitter
    this.#scanner = new JsonScanner(this, maxStringBytes)
  }

  push(chunk: Uint8Array): void {
    this.#scanner.push(chunk)
  }

  end(): void {
    this.#scanner.end()
    this.#emitter.line = this.#scanner.line
  }

  beginObject(): void {
    const place = this.#place()
    if (place === undefined) this.#places.push(FILE)
    else if (place === RULES) {
      this.#places.push(RULE)
      this.#rules.push(new OpenRule(this.#pending.length, this.#scanner.line))
    } else this.#pass(place)
  }

  beginArray(): void {
    const place = this.#place()
    if ((place === FILE || place === RULE) && this.#key === 'rules') this.#places.push(RULES)
    else if (place === RULE && ENTRY_FIELDS.has(this.#key)) this.#places.push(VALUES)
    else this.#pass(place)
  }

  endArray(): void {
    this.#places.pop()
  }

  endObject(): void {
    if (this.#places.pop() !== RULE) return
    const rule = this.#rules.pop()
    if (rule === undefined) return
    const part = this.#partOf(rule)
    const parent = this.#rule()
    if (parent !== undefined) parent.parts.push(part)
    else {
      this.#keepUnderstood([part])
      this.#pending.emit(this.#emitter)
    }
  }

  /** What a rule that is over has come to. The parts of `or` that are understood stay, whatever becomes of the others. */
  #partOf(rule: OpenRule): RulePart {
    const { pendingStart, line, invert } = rule
    const isLogical = rule.type === 'logical'
    let fault = rule.fault()
    let excepts = false
    if (fault === undefined && isLogical && rule.mode === 'and') {
      fault = rule.parts.find((part) => part.fault !== undefined)?.fault ?? makeExceptions(this.#pending, rule.parts)
      excepts = fault === undefined
    } else if (fault === undefined && isLogical) this.#keepUnderstood(rule.parts)
    return { start: pendingStart, end: this.#pending.length, line, invert, isLogical, excepts, fault }
  }

  /** Drops the entries of the parts that cannot be honoured, and tells why. */
  #keepUnderstood(parts: readonly RulePart[]): void {
    const dropped: RulePart[] = []
    for (const part of parts) {
      const fault = part.fault ?? (part.invert ? 'invert' : undefined)
      if (fault === undefined) continue
      dropped.push(part)
      this.#emitter.line = part.line
      this.#emitter.beginItem()
      this.#emitter.skip(SkipReason.unsupportedCondition, fault)
    }
    for (const { start, end } of dropped.reverse()) this.#pending.cut(start, end)
  }

  key(bytes: Uint8Array, start: number, end: number, escaped: boolean): void {
    const place = this.#place()
    if (place !== FILE && place !== RULE) return
    this.#key = jsonText(bytes, start, end, escaped)
    const rule = place === RULE ? this.#rule() : undefined
    if (rule === undefined || ENTRY_FIELDS.has(this.#key)) return
    if (this.#key === 'rules') rule.hasRules = true
    else if (!SETTINGS.has(this.#key)) rule.condition ??= this.#key
  }

  string(bytes: Uint8Array, start: number, end: number, escaped: boolean): void {
    const place = this.#place()
    const rule = this.#rule()
    if ((place !== RULE && place !== VALUES) || rule === undefined) return
    const field = ENTRY_FIELDS.get(this.#key)
    if (field !== undefined) this.#pending.add(field, bytes, start, end, escaped, this.#scanner.line)
    else if (this.#key === 'type') rule.type = jsonText(bytes, start, end, escaped)
    else if (this.#key === 'mode') rule.mode = jsonText(bytes, start, end, escaped)
    else rule.condition ??= this.#key
  }

  literal(text: string): void {
    const place = this.#place()
    const rule = this.#rule()
    if ((place !== RULE && place !== VALUES) || rule === undefined) return
    if (text === 'null') return
    if (this.#key === 'invert' && (text === 'true' || text === 'false')) {
      rule.invert = text === 'true'
      return
    }
    rule.condition ??= this.#key
  }

  /** A container we do not read. Where a value was due, the rule is not one we understand. */
  #pass(place: Place | undefined): void {
    const rule = this.#rule()
    if ((place === RULE || place === VALUES) && rule !== undefined) rule.condition ??= this.#key
    this.#places.push(PASSED_BY)
  }

  #place(): Place | undefined {
    return this.#places[this.#places.length - 1]
  }

  #rule(): OpenRule | undefined {
    return this.#rules[this.#rules.length - 1]
  }
}

type Place = typeof FILE | typeof RULES | typeof RULE | typeof VALUES | typeof PASSED_BY
const FILE = 0
const RULES = 1
const RULE = 2
const VALUES = 3
const PASSED_BY = 4

class OpenRule {
  readonly pendingStart: number
  readonly line: number
  /** The rules inside it that are over. */
  readonly parts: RulePart[] = []
  type = ''
  mode = ''
  invert = false
  hasRules = false
  /** The first thing that narrows the rule. */
  condition: string | undefined

  constructor(pendingStart: number, line: number) {
    this.pendingStart = pendingStart
    this.line = line
  }

  /** Why the rule cannot be honoured. */
  fault(): string | undefined {
    if (this.condition !== undefined) return this.condition
    const isLogical = this.type === 'logical'
    if (!isLogical && (this.hasRules || this.mode !== '' || (this.type !== '' && this.type !== 'default')))
      return `type: ${this.type}`
    return isLogical && this.mode !== 'or' && this.mode !== 'and' ? `mode: ${this.mode}` : undefined
  }
}

const SETTINGS = new Set(['type', 'mode', 'invert'])
