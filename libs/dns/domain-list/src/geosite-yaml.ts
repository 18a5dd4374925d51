/**
 * `dlc.dat_plain.yml`: all lists of v2fly as text, published beside geosite.dat.
 *
 *   lists:
 *     - name: GOOGLE
 *       length: 2
 *       rules:
 *         - "domain:example.com"
 *         - "full:www.example.com:@cn,@ads"
 *
 * One file holds hundreds of lists, so the operator says which, as with geosite.dat: `google`, `google@cn`, `google@-ads`.
 * Of YAML only this shape is read.
 */
import { foreignText } from '@dnstap-bgp/foreign-text'
import type { LineFormat } from './format-reader.ts'
import { ListError, ListFault } from './list-error.ts'
import { unquoted } from './plain-words.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { SkipReason } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'
import { V2flyFormat } from './v2fly.ts'

export class GeositeYamlFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  /** By list, the readers of its entries, one for each choice of attributes. */
  readonly #wanted = new Map<string, V2flyFormat[]>()
  readonly #found = new Set<string>()
  readonly #examples: string[] = []
  #lists = 0
  #readers: readonly V2flyFormat[] = []

  constructor(emitter: RuleEmitter, sites: readonly string[]) {
    this.#emitter = emitter
    for (const site of sites) {
      const [name = '', ...attributes] = site.toLowerCase().split('@')
      this.#wanted.set(name, [...(this.#wanted.get(name) ?? []), new V2flyFormat(emitter, { attributes }, 0)])
    }
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const text = decodeUtf8(bytes, start, end).trim()
    const [, name = ''] = /^-\s+name:\s*(.+)$/s.exec(text) ?? []
    if (name !== '') return this.#list(unquoted(name).toLowerCase())
    if (this.#readers.length === 0) return
    const [, item = ''] = /^-\s+(.+)$/s.exec(text) ?? []
    const entry = item.startsWith('"') ? unquoted(item).replace(/\\(["\\])/g, '$1') : unquoted(item)
    if (item !== '' && /^[a-z]+:\S/i.test(entry)) for (const reader of this.#readers) reader.entry(entry)
    else if (!/^(?:length:\s*[0-9]+|rules:\s*(?:\[\])?|#.*)?$/.test(text)) this.#emitter.skip(SkipReason.badSyntax, text)
  }

  end(): void {
    if (this.#wanted.size === 0)
      throw new ListError(
        ListFault.noSiteChosen,
        0,
        `the file holds ${this.#lists} lists; say which by sites, such as ${this.#examples.join(', ')}`,
      )
    for (const name of this.#wanted.keys()) {
      if (this.#found.has(name)) continue
      this.#emitter.beginItem()
      this.#emitter.skip(SkipReason.siteNotFound, name)
    }
  }

  #list(name: string): void {
    this.#lists++
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push(foreignText(name, MAX_SHOWN))
    this.#readers = this.#wanted.get(name) ?? []
    if (this.#readers.length > 0) this.#found.add(name)
  }
}

const MAX_EXAMPLES = 8
const MAX_SHOWN = 40
