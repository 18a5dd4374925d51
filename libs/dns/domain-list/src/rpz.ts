/**
 * Response policy zones in master file form (RFC 1035 §5; draft-vixie-dnsop-dns-rpz).
 *
 *   example.com        CNAME .               a policy for this name alone
 *   *.example.com      CNAME *.              for its subdomains alone
 *   good.example.com   CNAME rpz-passthru.   an exception; as is the old form, a CNAME to the owner itself
 *   walled.example.com A     192.0.2.1       local data is a policy as well
 *
 * Owners are relative to $ORIGIN and stand below the zone's name, which is cut off: the name of the SOA's owner, the `origin` option, or
 * the first $ORIGIN. Where none is told, relative owners are taken as they stand and absolute ones refused. Triggers other than the
 * name asked for (rpz-ip, rpz-nsdname, ...) are skipped; SOA, NS and what DNSSEC adds are no policies.
 *
 * A wildcard does not reach below a name that exists in the zone (RFC 4592 §3.3.1). The matcher sees to that when it is told that the list
 * is a zone; a name whose policy is skipped is handed over as an encloser, because that name exists too.
 */
import type { LineFormat } from './format-reader.ts'
import { normalizeName } from './normalize-name.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'

export class RpzFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  readonly #tokens: string[] = []
  #parentheses = 0
  #ownerLeftOut = false
  #recordLine = 0
  /** Names without trailing dot; the root is ''. Undefined: not told. */
  #origin: string | undefined
  #apex: string | undefined
  #owner: string | undefined
  #ownerIsAbsolute = false
  #lastPolicy = ''

  constructor(emitter: RuleEmitter, origin: string | undefined) {
    this.#emitter = emitter
    if (origin === undefined) return
    this.#origin = origin === '.' ? '' : normalizeName(origin, 'zone').name
    this.#apex = this.#origin
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const text = decodeUtf8(bytes, start, end)
    if (this.#parentheses === 0) {
      this.#tokens.length = 0
      this.#ownerLeftOut = /^\s/.test(text)
      this.#recordLine = this.#emitter.line
    }
    if (!this.#simpleRecord(text) && !this.#tokenize(text)) {
      this.#parentheses = 0
      this.#emitter.skip(SkipReason.badSyntax, text)
      return
    }
    if (this.#parentheses > 0 || this.#tokens.length === 0) return
    // A record is told by its first line.
    const lastLine = this.#emitter.line
    this.#emitter.line = this.#recordLine
    this.#record(text)
    this.#emitter.line = lastLine
  }

  end(): void {
    if (this.#parentheses > 0)
      this.#emitter.skip(SkipReason.badSyntax, `the parenthesis of line ${this.#recordLine} is not closed`)
  }

  /** Nearly every line of a big zone, taken apart at once. */
  #simpleRecord(text: string): boolean {
    if (this.#parentheses > 0) return false
    const record = SIMPLE_RECORD.exec(text)
    if (record === null) return false
    this.#tokens.push(record[1] ?? '', 'CNAME', record[2] ?? '')
    return true
  }

  /** Adds the line's tokens; escapes stay as they are. False when quotes or parentheses do not match. */
  #tokenize(text: string): boolean {
    let at = 0
    while (at < text.length) {
      const character = text.charAt(at)
      if (character === ';') return true
      if (character === '(' || character === ')') {
        this.#parentheses += character === '(' ? 1 : -1
        if (this.#parentheses < 0 || this.#parentheses > 1) return false
        at++
      } else if (character === '"') {
        const [quoted] = QUOTED.exec(text.slice(at)) ?? []
        if (quoted === undefined) return false
        this.#add(quoted)
        at += quoted.length
      } else if (/\s/.test(character)) at++
      else {
        TOKEN.lastIndex = at
        const token = TOKEN.exec(text)?.[0] ?? ''
        if (token === '') return false
        this.#add(token)
        at += token.length
      }
    }
    return true
  }

  /** The rest of a long record (a TXT over many lines) decides nothing. */
  #add(token: string): void {
    if (this.#tokens.length < MAX_TOKENS) this.#tokens.push(token)
  }

  #record(text: string): void {
    const emitter = this.#emitter
    const tokens = this.#tokens
    const first = tokens[0] ?? ''
    let at = 0
    if (!this.#ownerLeftOut) {
      if (first.startsWith('$')) return this.#directive(first.toUpperCase(), tokens[1] ?? '', text)
      const owner = this.#absolute(first)
      this.#owner = owner.name
      this.#ownerIsAbsolute = isAbsolute(first)
      at = 1
      if (owner.reason !== undefined) return emitter.skip(owner.reason, first)
    } else if (this.#owner === undefined) return emitter.skip(SkipReason.badSyntax, text)

    while (at < tokens.length && TTL_OR_CLASS.test(tokens[at] ?? '')) at++
    const type = (tokens[at] ?? '').toUpperCase()
    if (!/^[A-Z][A-Z0-9-]*$/.test(type)) return emitter.skip(SkipReason.badSyntax, text)
    if (type === 'SOA' && (this.#origin !== undefined || this.#ownerIsAbsolute)) this.#apex ??= this.#owner
    if (!NO_POLICY.has(type)) this.#policy(type, tokens[at + 1] ?? '')
  }

  #directive(directive: string, value: string, text: string): void {
    if (directive === '$TTL') return
    if (directive !== '$ORIGIN') return this.#emitter.skip(SkipReason.unsupportedDirective, text)
    const { name, reason } = this.#absolute(value)
    if (name === undefined) this.#emitter.skip(reason ?? SkipReason.badSyntax, text)
    else this.#origin = name
  }

  /** An owner or origin made absolute by the origin, where there is one. */
  #absolute(text: string): { name?: string; reason?: SkipReason } {
    const origin = this.#origin
    if (text === '@') return { name: origin ?? '' }
    if (text === '.') return { name: '' }
    const { name, reason } = normalizeName(text, 'zone')
    if (name === undefined) return { reason }
    if (isAbsolute(text)) return { name }
    return { name: origin === undefined || origin === '' ? name : `${name}.${origin}` }
  }

  #policy(type: string, target: string): void {
    const emitter = this.#emitter
    const owner = this.#owner ?? ''
    this.#apex ??= this.#origin
    if (this.#apex === undefined && this.#ownerIsAbsolute) return emitter.skip(SkipReason.outOfZone, owner)
    const apex = this.#apex ?? ''
    if (owner === apex) return // records of the zone itself
    if (apex !== '' && !owner.endsWith(`.${apex}`)) return emitter.skip(SkipReason.outOfZone, owner)
    const trigger = apex === '' ? owner : owner.slice(0, -apex.length - 1)
    if (trigger.includes('rpz-') && OTHER_TRIGGER.test(trigger)) return emitter.skip(SkipReason.rpzTrigger, trigger)

    let exception = false
    if (type === 'CNAME' && target !== '.' && target !== '*.') {
      const action = target.toLowerCase().replace(/(?<=.)\.$/, '')
      if (action === 'rpz-passthru' || normalizeName(target, 'zone').name === trigger) exception = true
      else if (action.startsWith('rpz-') && action !== 'rpz-drop') return this.#skipAction(trigger, `${trigger} ${target}`)
    } else if (type === 'DNAME') return this.#skipAction(trigger, `${trigger} DNAME`)
    const policy = `${exception ? '!' : ''}${trigger}`
    if (policy === this.#lastPolicy) return // A beside AAAA
    this.#lastPolicy = policy
    this.#trigger(trigger, exception)
  }

  /** The owner exists all the same: a wildcard above it must not steer it instead (RFC 4592 §3.3.1). */
  #skipAction(trigger: string, shown: string): void {
    this.#emitter.skip(SkipReason.rpzAction, shown)
    const name = trigger.replace(/^\*\./, '')
    if (name !== '*') this.#emitter.encloser(name)
  }

  #trigger(trigger: string, exception: boolean): void {
    const emitter = this.#emitter
    const skip = (reason: SkipReason) => (exception ? emitter.skipException(reason, trigger) : emitter.skip(reason, trigger))
    if (trigger === '*') return skip(SkipReason.tooBroad)
    const below = trigger.startsWith('*.')
    const name = below ? trigger.slice(2) : trigger
    if (name.includes('*') && /(?:^|\.)\*(?:\.|$)/.test(name)) return skip(SkipReason.unsupportedPattern)
    emitter.name(below ? RuleKind.subdomains : RuleKind.exact, name, exception, false, 'zone')
  }
}

/** Does the text end in a dot that is not escaped? */
function isAbsolute(text: string): boolean {
  return text.endsWith('.') && text.length <= MAX_OWNER_TEXT && /(?:^|[^\\])(?:\\\\)*\.$/.test(text)
}

const SIMPLE_RECORD = /^([A-Za-z0-9_.*-]+)[ \t]+(?:[0-9]+[ \t]+)?(?:IN[ \t]+)?CNAME[ \t]+(\.|\*\.|rpz-passthru\.)$/
const MAX_TOKENS = 16
const MAX_OWNER_TEXT = 1100
const QUOTED = /^"(?:[^"\\]|\\.)*"/
const TOKEN = /(?:[^\s"();\\]|\\.)+/y
const TTL_OR_CLASS = /^(?:[0-9]+|(?:[0-9]+[smhdw])+|IN|CH|HS)$/i
const OTHER_TRIGGER = /(?:^|\.)rpz-(?:ip|client-ip|nsdname|nsip)$/
const NO_POLICY = new Set('SOA NS DNSKEY RRSIG NSEC NSEC3 NSEC3PARAM CDS CDNSKEY DS ZONEMD TYPE65534'.split(' '))
