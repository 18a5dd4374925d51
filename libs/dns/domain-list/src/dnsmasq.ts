/**
 * dnsmasq configuration (dnsmasq(8)): the directives that name domains.
 *
 *   server=/example.com/example.net/192.0.2.1     also local=, address=, ipset=, nftset=: the names and their subdomains
 *   server=/www.example.com/#                     "the usual servers": an exception to a wider entry
 *   address=/*.example.com/192.0.2.1              subdomains only;  /*example.com/: any name that ends so
 *
 * All other directives are skipped and counted; `address=/#/` would cover every name.
 */
import type { LineFormat } from './format-reader.ts'
import { globBody } from './glob.ts'
import { DELETE, asciiOctets, SPACE, startsWith } from './octets.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'

export class DnsmasqFormat implements LineFormat {
  readonly #emitter: RuleEmitter

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  /** `server=/example.com/192.0.2.1`: one name. A target `#` and a comment are left to line(). */
  usualLine(bytes: Uint8Array, start: number, end: number): boolean {
    const directive = DIRECTIVE_OCTETS.find((octets) => startsWith(bytes, start, end, octets))
    if (directive === undefined) return false
    const from = start + directive.length
    let to = from
    while (to < end && bytes[to] !== SLASH) to++
    if (to === end) return false
    for (let i = to + 1; i < end; i++) {
      const octet = bytes[i]
      if (octet < SPACE || octet >= DELETE || octet === SLASH) return false
      if (octet === HASH && (bytes[i - 1] === SPACE || i === to + 1)) return false
    }
    return this.#emitter.plainBytes(RuleKind.suffix, bytes, from, to)
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const text = before(decodeUtf8(bytes, start, end), /(?<=^|\s)#/).trim()
    if (text === '') return
    const equals = text.indexOf('=')
    const key = (equals < 0 ? text : text.slice(0, equals)).trim().replace(/^--/, '')
    if (!DOMAIN_DIRECTIVES.has(key)) return this.#emitter.skip(SkipReason.unsupportedDirective, text)
    const parts = text
      .slice(equals + 1)
      .trim()
      .split('/')
    // '/a/b/target' is ['', 'a', 'b', 'target']; a server for all names has no slash.
    if (parts[0] !== '' || parts.length === 1) return this.#emitter.skip(SkipReason.unsupportedDirective, text)
    if (parts.length === 2) return this.#emitter.skip(SkipReason.badSyntax, text)
    const target = (parts[parts.length - 1] ?? '').trim()
    const exception = target === '#' && (key === 'server' || key === 'local')
    for (const domain of parts.slice(1, -1)) this.#domain(domain.trim(), exception, text)
  }

  #domain(domain: string, exception: boolean, line: string): void {
    const emitter = this.#emitter
    const skip = (reason: SkipReason, text: string) =>
      exception ? emitter.skipException(reason, text) : emitter.skip(reason, text)
    if (domain === '') return skip(SkipReason.unsupportedPattern, line) // names without a dot
    if (domain === '#' || domain === '*') return skip(SkipReason.tooBroad, line)
    if (!domain.startsWith('*')) return emitter.name(RuleKind.suffix, domain.replace(/^\.+/, ''), exception)
    if (domain.startsWith('*.')) return emitter.name(RuleKind.subdomains, domain.slice(2), exception)
    const ending = globBody(domain.slice(1), '*')
    if (ending === undefined || domain.includes('*', 1)) skip(SkipReason.unsupportedPattern, domain)
    else emitter.regexp(`${ending}$`, exception)
  }
}

const DOMAIN_DIRECTIVES = new Set(['server', 'local', 'address', 'ipset', 'nftset'])
const DIRECTIVE_OCTETS = [...DOMAIN_DIRECTIVES].map((directive) => asciiOctets(`${directive}=/`))
const SLASH = 0x2f
const HASH = 0x23
