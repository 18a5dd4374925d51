/**
 * mihomo MRS rule-sets, version 1 (mihomo: rules/provider, component/trie, component/cidr). All of the file is one zstd stream:
 *
 *   "MRS" 01 | behavior, 1: 0 domain, 1 ipcidr | count, 8 | length of what is reserved, 8 | that | the rules
 *   domain:   01 | words, 8 | leaves | words, 8 | bitmap | octets, 8 | labels     (succinct-set.ts)
 *   ipcidr:   01 | ranges, 8 | for each: first address, 16 | last address, 16     (IPv4 as ::ffff:a.b.c.d)
 *
 * Numbers have their highest octet first. Names are those of a Clash domain provider after its trie took them in: `+.x` there is stored as two
 * names, `x` for itself and `+.x` for what is below it. `*` is one label. Rules carry the number of the name in the file as their line.
 */
import { Decompress } from 'fzstd'
import { prefixesOfRange } from './address-range.ts'
import type { ChunkFormat } from './format-reader.ts'
import { ListError, ListFault } from './list-error.ts'
import { OctetReader } from './octet-reader.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { readSuccinctSet } from './succinct-set.ts'
import { UnpackedList } from './unpacked-list.ts'
import { decodeUtf8 } from './utf8.ts'

export class MrsFormat implements ChunkFormat {
  readonly #emitter: RuleEmitter
  readonly #unpacked = new UnpackedList('MRS', (onOutput) => new Decompress((chunk, isLast = false) => onOutput(chunk, isLast)))

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  push(chunk: Uint8Array): void {
    this.#unpacked.push(chunk)
  }

  end(): void {
    const bytes = this.#unpacked.end()
    if (decodeUtf8(bytes, 0, 3) !== 'MRS') throw new ListError(ListFault.compressed, 0, 'these are zstd bytes, not a list')
    const reader = new OctetReader(bytes, 'MRS')
    const version = reader.octets(4)[3]
    if (version !== 1) throw reader.malformed(`its version is ${version}, and 1 is read`)
    const behavior = reader.uint8()
    reader.uint64() // how many rules somebody counted
    reader.octets(reader.uint64())
    if (reader.uint8() !== 1) throw reader.malformed('its rules have another version than 1')
    if (behavior === 0) this.#names(reader)
    else if (behavior === 1) this.#ranges(reader)
    else throw reader.malformed(`its behavior is ${behavior}, and 0 (domain) and 1 (ipcidr) are read`)
    if (!reader.isAtEnd) throw reader.malformed('octets follow its end')
  }

  #names(reader: OctetReader): void {
    for (const key of readSuccinctSet(reader, () => reader.uint64()).keys()) {
      this.#next()
      const text = decodeUtf8(key, 0, key.length)
      if (text.startsWith('+.')) this.#emitter.name(RuleKind.subdomains, text.slice(2))
      else if (text.startsWith('.')) this.#emitter.name(RuleKind.subdomains, text.slice(1))
      else if (text.split('.').includes('+')) this.#emitter.skip(SkipReason.unsupportedPattern, text)
      else if (text.split('.').includes('*')) this.#emitter.wildcard(text)
      else if (text.includes('*')) this.#emitter.skip(SkipReason.unsupportedPattern, text)
      else this.#emitter.name(RuleKind.exact, text)
    }
  }

  #ranges(reader: OctetReader): void {
    const count = reader.uint64()
    for (let i = 0; i < count; i++) {
      this.#next()
      const first = unmapped(reader.octets(16))
      for (const prefix of prefixesOfRange(first, unmapped(reader.octets(16)))) this.#emitter.address(prefix)
    }
  }

  #next(): void {
    this.#emitter.line++
    this.#emitter.beginItem()
  }
}

/** An IPv4 address where it is one (RFC 4291 §2.5.5.2). */
function unmapped(address: Uint8Array): Uint8Array {
  const isMapped = address[10] === 0xff && address[11] === 0xff && address.subarray(0, 10).every((octet) => octet === 0)
  return isMapped ? address.subarray(12) : address
}
