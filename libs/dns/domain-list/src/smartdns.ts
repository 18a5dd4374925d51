/**
 * smartdns configuration (pymumu.github.io/smartdns): the settings that name domains.
 *
 *   address /example.com/#            also nameserver, ipset, nftset, domain-rules, cname, speed-check-mode: the name and its subdomains
 *   address /example.com/-            "leave it as it is": an exception; so are nameserver /example.com/- and domain-rules ... -address -
 *   /*.example.com/                   the subdomains only
 *   /-.example.com/                   this name alone
 *   /*-a.example.com/                 names that end so
 *
 * Settings without a domain and sets in other files are skipped; `/./` would be every name.
 */
import type { LineFormat } from './format-reader.ts'
import { globBody } from './glob.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'

export class SmartdnsFormat implements LineFormat {
  readonly #emitter: RuleEmitter

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const text = before(decodeUtf8(bytes, start, end), /^\s*#|\s#\s/).trim()
    if (text === '') return
    const setting = SETTING.exec(text)
    if (setting === null) return this.#emitter.skip(SkipReason.unsupportedDirective, text)
    const [, key = '', domain = '', rest = ''] = setting
    const options = rest.trim().split(/\s+/)
    const isLeftAlone = EXCEPTING.has(key)
      ? options[0] === '-'
      : options.some((option, i) => /^-a(?:ddress)?$/.test(option) && options[i + 1] === '-')
    this.#domain(domain, isLeftAlone, text)
  }

  #domain(domain: string, exception: boolean, line: string): void {
    const emitter = this.#emitter
    const skip = (reason: SkipReason) => (exception ? emitter.skipException(reason, line) : emitter.skip(reason, line))
    if (/^[.*]*$/.test(domain)) return skip(domain === '' ? SkipReason.emptyName : SkipReason.tooBroad)
    if (domain.startsWith('domain-set:')) return skip(SkipReason.unsupportedPattern)
    if (domain.startsWith('*.')) return emitter.name(RuleKind.subdomains, domain.slice(2), exception)
    if (domain.startsWith('-.')) return emitter.name(RuleKind.exact, domain.slice(2), exception)
    if (!domain.includes('*')) return emitter.name(RuleKind.suffix, domain.replace(/^\./, ''), exception)
    const ending = globBody(domain.slice(1), '*')
    if (ending === undefined || !/^\*[^*]+$/.test(domain)) return skip(SkipReason.unsupportedPattern)
    emitter.regexp(`${ending}$`, exception)
  }
}

const EXCEPTING = new Set(['address', 'nameserver', 'ipset', 'nftset'])
const SETTING = /^(address|nameserver|ipset|nftset|domain-rules?|cname|speed-check-mode)\s+\/([^/]*)\/(.*)$/s
