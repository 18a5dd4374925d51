/**
 * AutoProxy lists, as gfwlist is (often in base64, which intake.ts decodes). They begin with `[AutoProxy 0.2.9]`, and their rules are about URLs.
 *
 *   ||example.com              the name and its subdomains; `^` or `/` may follow
 *   |https://example.com/      this name alone
 *   .example.com               the subdomains: what a URL holds between its dots
 *   example.com                the name and its subdomains. There it is any URL with this text in it, so this is less, never more
 *   @@||example.com            an exception, before each of the forms
 *
 * A rule with a path, a port or a `*` within, a word without a dot, and a regular expression over URLs say nothing that a name could decide.
 */
import type { LineFormat } from './format-reader.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'

export class AutoproxyFormat implements LineFormat {
  readonly #emitter: RuleEmitter

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    if (end - start > 2 && bytes[start] === PIPE && bytes[start + 1] === PIPE)
      if (this.#emitter.plainBytes(RuleKind.suffix, bytes, start + 2, end)) return
    const text = decodeUtf8(bytes, start, end).trim()
    if (text === '' || /^[![]/.test(text)) return
    const exception = text.startsWith('@@')
    this.#rule(exception ? text.slice(2) : text, exception, text)
  }

  #rule(rule: string, exception: boolean, line: string): void {
    const emitter = this.#emitter
    if (/^\/.*\/$/.test(rule)) return emitter.skip(SkipReason.url, line)
    const [, mark = '', below = '', name = '', rest = ''] = RULE.exec(rule) ?? []
    if (name === '')
      return exception
        ? emitter.skipException(SkipReason.unsupportedPattern, line)
        : emitter.skip(SkipReason.unsupportedPattern, line)
    if (!/^(?:\^|\/\*?|\|)?$/.test(rest)) return emitter.skip(SkipReason.url, line)
    if (mark.includes('://')) return emitter.name(below === '' ? RuleKind.exact : RuleKind.subdomains, name, exception)
    if (mark === '' && !name.replace(/\.$/, '').includes('.')) return emitter.skip(SkipReason.unsupportedPattern, line)
    return emitter.name(below === '' ? RuleKind.suffix : RuleKind.subdomains, name, exception)
  }
}

/** A mark, `*.` or a dot, a name, and what follows it. */
const RULE = /^(\|\||\|https?:\/\/|https?:\/\/|)(\*?\.|)([^/^|*:?=&\s]+)(.*)$/is
const PIPE = 0x7c
