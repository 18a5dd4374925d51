/** Warnings about rules that were taken, for `check`, `lists` and the log. domain-list has made the texts safe to print. */
import { RuleNote } from '@dnstap-bgp/domain-list'

const SHOWN = 5

export class RuleNotes {
  readonly #counts = new Map<RuleNote, number>()
  readonly #texts = new Map<RuleNote, Set<string>>()

  add(note: RuleNote, text: string): void {
    this.#counts.set(note, (this.#counts.get(note) ?? 0) + 1)
    const texts = this.#texts.get(note) ?? new Set()
    if (texts.size < SHOWN) this.#texts.set(note, texts.add(text))
  }

  warnings(): string[] {
    return [...this.#counts].map(([note, count]) => {
      const texts = [...(this.#texts.get(note) ?? [])]
      const more = count > texts.length ? ` and ${count - texts.length} more` : ''
      return `${count} ${count === 1 ? ONE[note] : MANY[note]}: ${texts.join(', ')}${more}`
    })
  }
}

const ONE: Readonly<Record<RuleNote, string>> = {
  [RuleNote.publicSuffix]: 'rule covers a whole public suffix',
  [RuleNote.hostBits]: 'address has bits behind its prefix length, which were cleared',
}

const MANY: Readonly<Record<RuleNote, string>> = {
  [RuleNote.publicSuffix]: 'rules cover whole public suffixes',
  [RuleNote.hostBits]: 'addresses have bits behind their prefix length, which were cleared',
}
