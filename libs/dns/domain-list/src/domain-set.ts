/**
 * Domain sets of Surge and Loon, which are also the domain files of Squid.
 *
 *   example.com     this name alone
 *   .example.com    the name and its subdomains
 *
 * A plain list writes a name with its subdomains without the dot, so a list counts as a domain set only when most of its names begin with one.
 */
import type { LineFormat } from './format-reader.ts'
import { looksLikeAddress, withoutComment } from './plain-words.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'

export class DomainSetFormat implements LineFormat {
  readonly #emitter: RuleEmitter

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const emitter = this.#emitter
    const below = bytes[start] === DOT ? 1 : 0
    if (start < end && emitter.plainBytes(below === 1 ? RuleKind.suffix : RuleKind.exact, bytes, start + below, end)) return
    const text = withoutComment(decodeUtf8(bytes, start, end)).trim()
    if (text === '') return
    if (looksLikeAddress(text)) {
      if (!emitter.address(text)) emitter.skip(SkipReason.badAddress, text)
    } else if (text.includes('/')) emitter.skip(SkipReason.url, text)
    else if (/[\s,=*]/.test(text)) emitter.skip(SkipReason.badSyntax, text)
    else if (text.startsWith('.')) emitter.name(RuleKind.suffix, text.slice(1))
    else emitter.name(RuleKind.exact, text)
  }
}

const DOT = 0x2e
