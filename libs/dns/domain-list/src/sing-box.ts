/**
 * sing-box rule-set source (sing-box.sagernet.org: rule-set, source format, headless rule).
 *
 *   { "version": 3, "rules": [
 *       { "domain": ["a.example"],          this name alone
 *         "domain_suffix": ["b.example",    the name and its subdomains
 *                           ".c.example"],  the subdomains only
 *         "domain_keyword": ..., "domain_regex": ..., "ip_cidr": ... },
 *       { "type": "logical", "mode": "or", "rules": [ ... ] } ] }
 *
 * The fields above widen a rule; any other field narrows it (a port, a process, a network), so a rule with one is not a rule about names
 * and is skipped whole. So is one that is inverted, and a logical rule that is not plainly `or`. As keys come in any order, a rule's
 * names are held, as bytes, until it is over.
 */
import type { ChunkFormat } from './format-reader.ts'
import { jsonText, JsonScanner } from './json-scanner.ts'
import type { JsonEvents } from './json-scanner.ts'
import { ListError, ListFault } from './list-error.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'

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
    else if (place === RULE && FIELDS.has(this.#key)) this.#places.push(VALUES)
    else this.#pass(place)
  }

  endArray(): void {
    this.#places.pop()
  }

  endObject(): void {
    if (this.#places.pop() !== RULE) return
    const rule = this.#rules.pop()
    const fault = rule?.fault()
    if (rule !== undefined && fault !== undefined) {
      this.#pending.cutTo(rule.pendingStart)
      this.#emitter.line = rule.line
      this.#emitter.skip(SkipReason.unsupportedCondition, fault)
    }
    if (this.#rules.length === 0) this.#pending.emit(this.#emitter)
  }

  key(bytes: Uint8Array, start: number, end: number, escaped: boolean): void {
    const place = this.#place()
    if (place !== FILE && place !== RULE) return
    this.#key = jsonText(bytes, start, end, escaped)
    const rule = place === RULE ? this.#rule() : undefined
    if (rule === undefined || FIELDS.has(this.#key)) return
    if (this.#key === 'rules') rule.hasRules = true
    else if (!SETTINGS.has(this.#key)) rule.condition ??= this.#key
  }

  string(bytes: Uint8Array, start: number, end: number, escaped: boolean): void {
    const place = this.#place()
    const rule = this.#rule()
    if ((place !== RULE && place !== VALUES) || rule === undefined) return
    const field = FIELDS.get(this.#key)
    if (field !== undefined) this.#pending.add(field, bytes, start, end, escaped, this.#scanner.line)
    else if (this.#key === 'type') rule.type = jsonText(bytes, start, end, escaped)
    else if (this.#key === 'mode') rule.mode = jsonText(bytes, start, end, escaped)
    else rule.condition ??= this.#key
  }

  literal(text: string): void {
    const place = this.#place()
    const rule = this.#rule()
    if ((place !== RULE && place !== VALUES) || rule === undefined) return
    if (text === 'null' || (this.#key === 'invert' && text === 'false')) return
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
  type = ''
  mode = ''
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
    return isLogical && this.mode !== 'or' ? `mode: ${this.mode}` : undefined
  }
}

/** Entries of rules that are not over yet, in one block of bytes: [field][flags][line, 4][length, 2][bytes as in the JSON]. */
class PendingEntries {
  #bytes = new Uint8Array(4096)
  #length = 0

  get length(): number {
    return this.#length
  }

  add(field: number, bytes: Uint8Array, start: number, end: number, escaped: boolean, line: number): void {
    const size = HEADER_BYTES + end - start
    if (this.#length + size > MAX_PENDING_BYTES)
      throw new ListError(ListFault.tooLarge, line, 'one rule holds more than 512 MiB of names')
    if (this.#length + size > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + size))
      larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    const into = this.#bytes
    const at = this.#length
    into[at] = field
    into[at + 1] = escaped ? 1 : 0
    into[at + 2] = line >>> 24
    into[at + 3] = line >>> 16
    into[at + 4] = line >>> 8
    into[at + 5] = line
    into[at + 6] = (end - start) >>> 16
    into[at + 7] = (end - start) >>> 8
    into[at + 8] = end - start
    into.set(bytes.subarray(start, end), at + HEADER_BYTES)
    this.#length += size
  }

  cutTo(length: number): void {
    this.#length = length
  }

  /** Gives everything to the emitter and is empty again. */
  emit(emitter: RuleEmitter): void {
    const bytes = this.#bytes
    for (let at = 0; at < this.#length;) {
      emitter.line = ((bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5]) >>> 0
      const start = at + HEADER_BYTES
      const end = start + ((bytes[at + 6] << 16) | (bytes[at + 7] << 8) | bytes[at + 8])
      emitEntry(emitter, bytes[at], bytes, start, end, bytes[at + 1] === 1)
      at = end
    }
    this.#length = 0
  }
}

function emitEntry(emitter: RuleEmitter, field: number, bytes: Uint8Array, start: number, end: number, escaped: boolean): void {
  if (field === DOMAIN || field === DOMAIN_SUFFIX) {
    const kind = field === DOMAIN ? RuleKind.exact : RuleKind.suffix
    if (!escaped && emitter.plainBytes(kind, bytes, start, end)) return
  }
  const text = jsonText(bytes, start, end, escaped)
  switch (field) {
    case DOMAIN:
      return emitter.name(RuleKind.exact, text)
    case DOMAIN_SUFFIX:
      return text.startsWith('.') ? emitter.name(RuleKind.subdomains, text.slice(1)) : emitter.name(RuleKind.suffix, text)
    case DOMAIN_KEYWORD:
      return emitter.keyword(text)
    case DOMAIN_REGEX:
      return emitter.regexp(text)
    default:
      if (!emitter.address(text)) emitter.skip(SkipReason.badAddress, text)
  }
}

const DOMAIN = 0
const DOMAIN_SUFFIX = 1
const DOMAIN_KEYWORD = 2
const DOMAIN_REGEX = 3
const IP_CIDR = 4
const FIELDS = new Map([
  ['domain', DOMAIN],
  ['domain_suffix', DOMAIN_SUFFIX],
  ['domain_keyword', DOMAIN_KEYWORD],
  ['domain_regex', DOMAIN_REGEX],
  ['ip_cidr', IP_CIDR],
])
const SETTINGS = new Set(['type', 'mode', 'invert'])
const HEADER_BYTES = 9
const MAX_PENDING_BYTES = 1 << 29
