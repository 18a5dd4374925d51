/** Names of sing-box rules that are not over yet, in one block of bytes: [field][flags][line, 4][length, 2][bytes as in the JSON]. */
import { jsonText } from './json-scanner.ts'
import { ListError, ListFault } from './list-error.ts'
import { looksLikeAddress } from './plain-words.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'

export const EntryField = { domain: 0, domainSuffix: 1, domainKeyword: 2, domainRegex: 3, ipCidr: 4 } as const

/** By their keys in JSON. */
export const ENTRY_FIELDS = new Map<string, number>([
  ['domain', EntryField.domain],
  ['domain_suffix', EntryField.domainSuffix],
  ['domain_keyword', EntryField.domainKeyword],
  ['domain_regex', EntryField.domainRegex],
  ['ip_cidr', EntryField.ipCidr],
])

/** One entry, by where it begins. */
export interface SingBoxEntry {
  readonly at: number
  readonly field: number
  readonly text: string
}

export class PendingEntries {
  #bytes = new Uint8Array(4096)
  #length = 0

  get length(): number {
    return this.#length
  }

  add(field: number, bytes: Uint8Array, start: number, end: number, escaped: boolean, line: number): void {
    const size = HEADER_BYTES + end - start
    if (this.#length + size > MAX_PENDING_BYTES)
      throw new ListError(ListFault.tooLarge, line, 'one rule holds more than 512 MiB of names')
    if (this.#length + size > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + size))
      larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    const into = this.#bytes
    const at = this.#length
    into[at] = field
    into[at + 1] = escaped ? ESCAPED : 0
    into[at + 2] = line >>> 24
    into[at + 3] = line >>> 16
    into[at + 4] = line >>> 8
    into[at + 5] = line
    into[at + 6] = (end - start) >>> 16
    into[at + 7] = (end - start) >>> 8
    into[at + 8] = end - start
    into.set(bytes.subarray(start, end), at + HEADER_BYTES)
    this.#length += size
  }

  /** The entries from `start` to `end`, which are both where an entry begins. */
  *entries(start: number, end: number): Generator<SingBoxEntry> {
    for (let at = start; at < end; at = this.#endOf(at)) {
      const text = jsonText(this.#bytes, at + HEADER_BYTES, this.#endOf(at), (this.#bytes[at + 1] & ESCAPED) !== 0)
      yield { at, field: this.#bytes[at], text }
    }
  }

  /** The entry becomes an exception. */
  markException(at: number): void {
    this.#bytes[at + 1] |= EXCEPTION
  }

  /** The entry gives nothing. */
  markDropped(at: number): void {
    this.#bytes[at + 1] |= DROPPED
  }

  cut(start: number, end: number): void {
    this.#bytes.copyWithin(start, end, this.#length)
    this.#length -= end - start
  }

  /** Gives everything to the emitter and is empty again. */
  emit(emitter: RuleEmitter): void {
    const bytes = this.#bytes
    for (let at = 0; at < this.#length; at = this.#endOf(at)) {
      if ((bytes[at + 1] & DROPPED) !== 0) continue
      emitter.line = ((bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5]) >>> 0
      emitter.beginItem()
      emitEntry(emitter, bytes, at, this.#endOf(at))
    }
    this.#length = 0
  }

  #endOf(at: number): number {
    const bytes = this.#bytes
    return at + HEADER_BYTES + ((bytes[at + 6] << 16) | (bytes[at + 7] << 8) | bytes[at + 8])
  }
}

function emitEntry(emitter: RuleEmitter, bytes: Uint8Array, at: number, end: number): void {
  const field = bytes[at]
  const escaped = (bytes[at + 1] & ESCAPED) !== 0
  const exception = (bytes[at + 1] & EXCEPTION) !== 0
  const start = at + HEADER_BYTES
  if (field === EntryField.domain || field === EntryField.domainSuffix) {
    const kind = field === EntryField.domain ? RuleKind.exact : RuleKind.suffix
    if (!escaped && emitter.plainBytes(kind, bytes, start, end, exception)) return
  }
  const text = jsonText(bytes, start, end, escaped)
  switch (field) {
    case EntryField.domain:
      return emitter.name(RuleKind.exact, text, exception)
    case EntryField.domainSuffix:
      if (text.startsWith('.')) return emitter.name(RuleKind.subdomains, text.slice(1), exception)
      return emitter.name(RuleKind.suffix, text, exception)
    case EntryField.domainKeyword:
      return emitter.keyword(text, exception)
    case EntryField.domainRegex:
      return emitter.regexp(text, exception)
    default:
      if (!looksLikeAddress(text) || !emitter.address(text, false, true)) emitter.skip(SkipReason.badAddress, text)
  }
}

const ESCAPED = 1
const EXCEPTION = 2
const DROPPED = 4
const HEADER_BYTES = 9
const MAX_PENDING_BYTES = 1 << 29
