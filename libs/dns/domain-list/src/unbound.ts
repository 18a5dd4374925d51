/**
 * Unbound configuration (unbound.conf(5)): what names domains.
 *
 *   local-zone: "example.com" always_nxdomain     the name and its subdomains; also refuse, redirect, static, deny, always_null, ...
 *   local-zone: "example.com" always_transparent  an exception; also transparent, typetransparent, nodefault
 *   local-data: "example.com A 192.0.2.1"         this name alone
 *   forward-zone:                                 also stub-zone: the name and its subdomains
 *       name: "example.com"
 *
 * All other settings are skipped and counted.
 */
import type { LineFormat } from './format-reader.ts'
import { unquoted } from './plain-words.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'

export class UnboundFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  /** The clause we are in: `server`, `forward-zone`. */
  #clause = 'server'

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const text = before(decodeUtf8(bytes, start, end), /(?<=^|\s)#/).trim()
    if (text === '') return
    const [, key = '', value = ''] = /^([a-z0-9-]+):\s*(.*)$/s.exec(text) ?? []
    if (key === '') return this.#emitter.skip(SkipReason.badSyntax, text)
    if (value === '') {
      this.#clause = key
      return
    }
    switch (key) {
      case 'local-zone':
        return this.#localZone(value, text)
      case 'local-data':
        return this.#localData(unquoted(value), text)
      case 'name':
        if (FORWARDING.has(this.#clause)) return this.#zone(unquoted(value), false, text)
        break
      default:
        if (FORWARDING.has(this.#clause) && /^(?:forward|stub)-/.test(key)) return
    }
    this.#emitter.skip(SkipReason.unsupportedDirective, text)
  }

  #localZone(value: string, line: string): void {
    const [, name = '', type = ''] = /^("[^"]*"|'[^']*'|\S+)\s+(\S+)$/.exec(value) ?? []
    const kind = unquoted(type).toLowerCase()
    if (name === '' || !/^[a-z_]+$/.test(kind)) this.#emitter.skip(SkipReason.badSyntax, line)
    else this.#zone(unquoted(name), TRANSPARENT.has(kind), line)
  }

  #zone(name: string, exception: boolean, line: string): void {
    if (name === '.' || name === '') this.#emitter.skip(SkipReason.tooBroad, line)
    else this.#emitter.name(RuleKind.suffix, name, exception)
  }

  #localData(record: string, line: string): void {
    const [owner = '', ...fields] = record.trim().split(/\s+/)
    if (fields.length < 2) this.#emitter.skip(SkipReason.badSyntax, line)
    else this.#emitter.name(RuleKind.exact, owner)
  }
}

const FORWARDING = new Set(['forward-zone', 'stub-zone'])
const TRANSPARENT = new Set(['transparent', 'typetransparent', 'always_transparent', 'nodefault'])
