/**
 * geosite.dat, the compiled form of v2fly lists: protobuf (v2ray-core, app/router/routercommon/common.proto).
 *
 *   GeoSiteList { repeated GeoSite entry = 1 }
 *   GeoSite     { string country_code = 1; repeated Domain domain = 2; bytes resource_hash = 3; string code = 4 }
 *   Domain      { Type type = 1 (0 keyword, 1 regexp, 2 the name and its subdomains, 3 full); string value = 2; repeated Attribute attribute = 3 }
 *   Attribute   { string key = 1; oneof { bool bool_value = 2; int64 int_value = 3 } }
 *
 * One file holds hundreds of lists, so the operator says which (`google`, `google@cn`, `google@-ads`). One entry at a time is held in memory.
 * There are no lines: rules carry the number of the domain among those of the chosen lists.
 */
import { foreignText } from '@dnstap-bgp/foreign-text'
import type { ChunkFormat } from './format-reader.ts'
import { ListError, ListFault } from './list-error.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { ParserFormat, RuleKind, SkipReason } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'
import { passes } from './v2fly.ts'
import type { AttributeFilter } from './v2fly.ts'

/** Does a file of this format hold many lists, of which some have to be chosen? */
export function takesSites(format: ParserFormat): boolean {
  return format === ParserFormat.geosite || format === ParserFormat.geositeYaml
}

export class GeositeFormat implements ChunkFormat {
  readonly #emitter: RuleEmitter
  readonly #wanted = new Map<string, AttributeFilter[]>()
  readonly #found = new Set<string>()
  #examples: string[] = []
  #siteCount = 0
  #held = new Uint8Array(0)
  #start = 0
  #end = 0

  constructor(emitter: RuleEmitter, sites: readonly string[]) {
    this.#emitter = emitter
    for (const site of sites) {
      const [code = '', ...attributes] = site.toLowerCase().split('@')
      this.#wanted.set(code, [...(this.#wanted.get(code) ?? []), attributes])
    }
  }

  push(chunk: Uint8Array): void {
    this.#hold(chunk)
    for (;;) {
      const field = readField(this.#held, this.#start, this.#end)
      if (field === undefined) {
        // Short of bytes: a varint, or the entry itself.
        if (this.#end - this.#start > MAX_ENTRY_BYTES)
          throw new ListError(ListFault.tooLarge, 0, 'a geosite entry is over 64 MiB')
        return
      }
      if (field.number === 1 && field.wireType === LENGTH_DELIMITED) this.#site(field.start, field.end)
      this.#start = field.end
    }
  }

  end(): void {
    if (this.#start < this.#end) throw new ListError(ListFault.truncated, 0, 'the geosite file ends inside an entry')
    if (this.#wanted.size === 0) {
      const examples = this.#examples.join(', ')
      throw new ListError(
        ListFault.noSiteChosen,
        0,
        `the file holds ${this.#siteCount} lists; say which by sites${examples === '' ? '' : `, such as ${examples}`}`,
      )
    }
    for (const code of this.#wanted.keys()) {
      if (this.#found.has(code)) continue
      this.#emitter.beginItem()
      this.#emitter.skip(SkipReason.siteNotFound, code)
    }
  }

  #hold(chunk: Uint8Array): void {
    const kept = this.#end - this.#start
    if (this.#end + chunk.length > this.#held.length) {
      const larger = kept + chunk.length > this.#held.length ? new Uint8Array(2 * (kept + chunk.length)) : this.#held
      larger.set(this.#held.subarray(this.#start, this.#end))
      this.#held = larger
      this.#start = 0
      this.#end = kept
    }
    this.#held.set(chunk, this.#end)
    this.#end += chunk.length
  }

  #site(start: number, end: number): void {
    const held = this.#held
    let code = ''
    for (const field of fieldsOf(held, start, end)) {
      // A longer one is no code that anybody could ask for, and reading megabytes of it takes seconds.
      const isCode = (field.number === 1 || field.number === 4) && field.end - field.start <= MAX_CODE_BYTES
      if (isCode && field.wireType === LENGTH_DELIMITED && code === '')
        code = decodeUtf8(held, field.start, field.end).toLowerCase()
    }
    this.#siteCount++
    if (this.#examples.length < 8 && code !== '') this.#examples.push(foreignText(code, MAX_SHOWN))
    const filters = this.#wanted.get(code)
    if (filters === undefined) return
    this.#found.add(code)
    for (const field of fieldsOf(held, start, end)) {
      if (field.number === 2 && field.wireType === LENGTH_DELIMITED) this.#domain(field.start, field.end, filters)
    }
  }

  #domain(start: number, end: number, filters: readonly AttributeFilter[]): void {
    const emitter = this.#emitter
    const held = this.#held
    let type = 0
    let valueStart = 0
    let valueEnd = 0
    const attributes: string[] = []
    for (const field of fieldsOf(held, start, end)) {
      if (field.number === 1 && field.wireType === VARINT) type = field.value
      else if (field.number === 2 && field.wireType === LENGTH_DELIMITED) {
        valueStart = field.start
        valueEnd = field.end
      } else if (field.number === 3 && field.wireType === LENGTH_DELIMITED)
        attributes.push(attributeKey(held, field.start, field.end))
    }
    emitter.line++
    emitter.beginItem()
    if (!filters.some((filter) => passes(filter, attributes))) return
    const kind = type === 2 ? RuleKind.suffix : type === 3 ? RuleKind.exact : undefined
    if (kind !== undefined && emitter.plainBytes(kind, held, valueStart, valueEnd)) return
    if (valueEnd - valueStart > MAX_VALUE_BYTES)
      return emitter.skip(SkipReason.lineTooLong, decodeUtf8(held, valueStart, valueStart + MAX_SHOWN))
    const text = decodeUtf8(held, valueStart, valueEnd)
    if (kind !== undefined) emitter.name(kind, text)
    else if (type === 0) emitter.keyword(text)
    else if (type === 1) emitter.regexp(text)
    else emitter.skip(SkipReason.unsupportedRule, `type ${type}: ${text}`)
  }
}

function attributeKey(bytes: Uint8Array, start: number, end: number): string {
  for (const field of fieldsOf(bytes, start, end)) {
    if (field.number !== 1 || field.wireType !== LENGTH_DELIMITED) continue
    return field.end - field.start > MAX_CODE_BYTES ? '' : decodeUtf8(bytes, field.start, field.end).toLowerCase()
  }
  return ''
}

/** A protobuf field: where its content starts and where the next field does; `value` for varints. */
interface Field {
  readonly number: number
  readonly wireType: number
  readonly value: number
  readonly start: number
  readonly end: number
}

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5
const MAX_ENTRY_BYTES = 1 << 26
const MAX_CODE_BYTES = 255
const MAX_VALUE_BYTES = 65_536
/** Of a code or value, in a message. */
const MAX_SHOWN = 60

/** All fields of a message that is there in full. */
function* fieldsOf(bytes: Uint8Array, start: number, end: number): Generator<Field> {
  let at = start
  while (at < end) {
    const field = readField(bytes, at, end)
    if (field === undefined) throw new ListError(ListFault.malformed, 0, 'a geosite message is longer than the field it is in')
    yield field
    at = field.end
  }
}

/** The field at `start`; undefined when it reaches past `end`. Throws on what protobuf does not have. */
function readField(bytes: Uint8Array, start: number, end: number): Field | undefined {
  const tag = readVarint(bytes, start, end)
  if (tag === undefined) return undefined
  const wireType = tag.value & 7
  const number = Math.floor(tag.value / 8)
  if (number === 0) throw new ListError(ListFault.malformed, 0, 'not a geosite file: a protobuf field has no number')
  if (wireType === VARINT) {
    const value = readVarint(bytes, tag.end, end)
    return value && { number, wireType, value: value.value, start: tag.end, end: value.end }
  }
  let contentStart = tag.end
  let length: number
  if (wireType === FIXED64) length = 8
  else if (wireType === FIXED32) length = 4
  else if (wireType === LENGTH_DELIMITED) {
    const varint = readVarint(bytes, tag.end, end)
    if (varint === undefined) return undefined
    if (varint.value > MAX_ENTRY_BYTES) throw new ListError(ListFault.tooLarge, 0, 'a geosite entry is over 64 MiB')
    contentStart = varint.end
    length = varint.value
  } else throw new ListError(ListFault.malformed, 0, `not a geosite file: protobuf wire type ${wireType}`)
  const contentEnd = contentStart + length
  return contentEnd > end ? undefined : { number, wireType, value: 0, start: contentStart, end: contentEnd }
}

function readVarint(bytes: Uint8Array, start: number, end: number): { value: number; end: number } | undefined {
  let value = 0
  let scale = 1
  for (let at = start; at < end && at < start + 10; at++) {
    value += (bytes[at] & 0x7f) * scale // past 2^53 imprecise, and then far too large for anything here
    if (bytes[at] < 0x80) return { value, end: at + 1 }
    scale *= 128
  }
  if (end - start >= 10) throw new ListError(ListFault.malformed, 0, 'not a geosite file: a varint of more than ten octets')
  return undefined
}
