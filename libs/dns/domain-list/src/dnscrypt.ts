/**
 * Pattern lists of dnscrypt-proxy (blocked-names.txt, cloaking and forwarding apart).
 *
 *   example.com   *.example.com   *example.com    the name and its subdomains
 *   =example.com                                 this name alone
 *   *tracker*                                    a piece of a name
 *   ads.*                                        names that begin so
 *   ads[0-9]?.*.example.com                      a glob: `*` any characters, `?` one, `[...]` one of a class
 *   example.com @work                            at some times of the day only: skipped
 */
import type { LineFormat } from './format-reader.ts'
import { normalizeName } from './normalize-name.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'

export class DnscryptFormat implements LineFormat {
  readonly #emitter: RuleEmitter

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const emitter = this.#emitter
    if (emitter.plainBytes(RuleKind.suffix, bytes, start, end)) return
    const text = before(decodeUtf8(bytes, start, end), /#/).trim()
    if (text === '') return
    if (/\s@\S+$/.test(text)) return emitter.skip(SkipReason.timedRule, text)
    if (/[\s/,:@|^$]/.test(text)) return emitter.skip(SkipReason.badSyntax, text)
    this.#pattern(text)
  }

  #pattern(text: string): void {
    const emitter = this.#emitter
    if (/^[*.?]*$/.test(text)) return emitter.skip(SkipReason.tooBroad, text)
    if (text.startsWith('=')) return emitter.name(RuleKind.exact, text.slice(1))
    const inner = text.replace(/^\*|\*$/g, '')
    if (/[*?[\]]/.test(inner)) return this.#glob(text)
    if (/^\*.*\*$/.test(text)) return emitter.keyword(inner)
    if (text.endsWith('*')) return this.#beginning(inner, text)
    // There a leading star or dot adds nothing.
    return emitter.name(RuleKind.suffix, inner.replace(/^\./, ''))
  }

  #beginning(inner: string, text: string): void {
    const name = inner.replace(/\.$/, '')
    if (normalizeName(name).name !== name.toLowerCase()) return this.#emitter.skip(SkipReason.unsupportedPattern, text)
    this.#emitter.regexp(`^${inner.toLowerCase().replaceAll('.', '\\.')}`)
  }

  #glob(text: string): void {
    let source = ''
    for (const [piece] of text.toLowerCase().matchAll(GLOB_PIECE)) {
      if (piece === '*') source += '.*'
      else if (piece === '?') source += '.'
      else if (piece.startsWith('[')) source += piece
      else if (/^[a-z0-9_.-]+$/.test(piece)) source += piece.replaceAll('.', '\\.')
      else return this.#emitter.skip(SkipReason.unsupportedPattern, text)
    }
    this.#emitter.regexp(`^${source}$`)
  }
}

const GLOB_PIECE = /\*|\?|\[\^?[a-z0-9_.-]+\]|[^*?[]+|\[/g
