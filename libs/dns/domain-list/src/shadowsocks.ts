/**
 * Access control lists of shadowsocks (`.acl`): names that go through the proxy are the listed ones.
 *
 *   [bypass_all]                 what becomes of the rest; [proxy_all] would list every name
 *   [proxy_list]                 the section that is read; its old name is [white_list]
 *   (^|\.)example\.com$          regular expressions; those that say only "this name and its subdomains" become that (regexp-name.ts)
 *   ||example.com                the name and its subdomains;  |example.com: this name alone
 *   192.0.2.0/24
 *
 * A name that stands in [proxy_list] goes through the proxy whatever the other sections say, so these change nothing for it.
 */
import type { LineFormat } from './format-reader.ts'
import { looksLikeAddress } from './plain-words.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'

export class ShadowsocksFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  #section = ''

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const emitter = this.#emitter
    const text = before(decodeUtf8(bytes, start, end), /^\s*#|\s#/).trim()
    if (text === '') return
    const section = /^\[([a-z_]+)\]$/.exec(text)?.[1]
    if (section !== undefined) return this.#begin(section, text)
    if (!LISTED.has(this.#section)) return emitter.skip(SkipReason.otherSection, text)
    if (looksLikeAddress(text)) {
      if (!emitter.address(text, false, true)) emitter.skip(SkipReason.badAddress, text)
    } else if (text.startsWith('||')) emitter.name(RuleKind.suffix, text.slice(2))
    else if (text.startsWith('|')) emitter.name(RuleKind.exact, text.slice(1))
    else emitter.regexp(text)
  }

  #begin(section: string, line: string): void {
    this.#section = section
    // Names that are not in the file go through the proxy: every name would be listed.
    if (section === 'proxy_all' || section === 'accept_all') this.#emitter.skip(SkipReason.tooBroad, line)
  }
}

const LISTED = new Set(['proxy_list', 'white_list'])
