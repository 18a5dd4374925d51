/**
 * sing-box SRS rule-sets, versions 1 to 5 (sing-box: common/srs; sing: common/domain).
 *
 *   "SRS" | version, 1 | zlib stream: number of rules, uvarint | rules
 *   rule 0:   items | FF | inverted, 1         an item is its number and what srs-items.ts says of it
 *   rule 1:   mode, 1: 0 and, 1 or | number of rules, uvarint | rules | inverted, 1
 *
 * What a rule means is sing-box.ts' decision alone. So a rule-set is written again as the JSON it was compiled from, one entry a line, and
 * read as that: the line of a rule is the number of the entry. An item that is not known ends the reading, for its length is not known either.
 */
import { Unzlib } from 'fflate'
import type { ChunkFormat } from './format-reader.ts'
import { JsonWriter } from './json-writer.ts'
import { ListError, ListFault } from './list-error.ts'
import { OctetReader } from './octet-reader.ts'
import { SingBoxFormat } from './sing-box.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { writeSrsItem } from './srs-items.ts'
import { UnpackedList } from './unpacked-list.ts'

const HEADER_OCTETS = 4
const NEWEST_VERSION = 5
const END_OF_ITEMS = 0xff
const MAX_DEPTH = 16

export class SrsFormat implements ChunkFormat {
  readonly #rules: SingBoxFormat
  readonly #unpacked = new UnpackedList('SRS', (onOutput) => new Unzlib(onOutput))
  #header = new Uint8Array(0)

  constructor(emitter: RuleEmitter, maxStringBytes: number) {
    this.#rules = new SingBoxFormat(emitter, maxStringBytes)
  }

  push(chunk: Uint8Array): void {
    const missing = Math.min(HEADER_OCTETS - this.#header.length, chunk.length)
    if (missing > 0) {
      this.#header = Uint8Array.of(...this.#header, ...chunk.subarray(0, missing))
      if (this.#header.length === HEADER_OCTETS) checkHeader(this.#header)
    }
    if (chunk.length > missing) this.#unpacked.push(chunk.subarray(missing))
  }

  end(): void {
    if (this.#header.length < HEADER_OCTETS) throw new ListError(ListFault.truncated, 0, 'the SRS file ends inside its header')
    const reader = new OctetReader(this.#unpacked.end(), 'SRS')
    const json = new JsonWriter((bytes) => this.#rules.push(bytes))
    json.object(() => {
      json.key('rules')
      writeRules(reader, json, 0)
    })
    json.flush()
    this.#rules.end()
    if (!reader.isAtEnd) throw reader.malformed('octets follow its end')
  }
}

function checkHeader(header: Uint8Array): void {
  const version = header[3]
  if (header[0] !== 0x53 || header[1] !== 0x52 || header[2] !== 0x53)
    throw new ListError(ListFault.malformed, 0, 'this is no SRS file: it does not begin with SRS')
  if (version === 0 || version > NEWEST_VERSION)
    throw new ListError(ListFault.malformed, 0, `this SRS file has version ${version}, and 1 to ${NEWEST_VERSION} are read`)
}

function writeRules(reader: OctetReader, json: JsonWriter, depth: number): void {
  if (depth > MAX_DEPTH)
    throw new ListError(ListFault.tooDeep, 0, `the rules of the SRS file are nested deeper than ${MAX_DEPTH}`)
  const count = reader.uvarint()
  json.array(() => {
    for (let i = 0; i < count; i++) json.object(() => writeRule(reader, json, depth))
  })
}

function writeRule(reader: OctetReader, json: JsonWriter, depth: number): void {
  const type = reader.uint8()
  if (type === 0) {
    for (let item = reader.uint8(); item !== END_OF_ITEMS; item = reader.uint8()) writeSrsItem(item, reader, json)
  } else if (type === 1) {
    json.key('type')
    json.text('logical')
    json.key('mode')
    const mode = reader.uint8()
    if (mode > 1) throw reader.malformed(`a logical rule has mode ${mode}`)
    json.text(mode === 0 ? 'and' : 'or')
    json.key('rules')
    writeRules(reader, json, depth + 1)
  } else throw reader.malformed(`a rule has type ${type}`)
  if (reader.uint8() !== 0) {
    json.key('invert')
    json.raw('true')
  }
}
