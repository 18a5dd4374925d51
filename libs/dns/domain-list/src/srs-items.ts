/**
 * The items of a rule in an SRS file, as the fields of sing-box's JSON.
 *
 *   texts      number, uvarint | for each: octets, uvarint | text
 *   names      version, 1 | words, uvarint | leaves | words, uvarint | bitmap | octets, uvarint | labels     (succinct-set.ts)
 *   ranges     01 | number, 8 | for each: octets, uvarint | first address | octets, uvarint | last address
 *   numbers    number, uvarint | that many of one or two octets
 *   prefixes   number, uvarint | for each: octets, uvarint | address | bits, 1
 *
 * Names carry marks at their beginning: 0D the rest is a suffix of the text (".x": the names below x), 0A the name and those below it, none the
 * name itself. A field that narrows a rule makes sing-box.ts skip it whatever its value, so its value is skipped.
 */
import { prefixesOfRange } from './address-range.ts'
import type { JsonWriter } from './json-writer.ts'
import type { OctetReader } from './octet-reader.ts'
import { readSuccinctSet } from './succinct-set.ts'

const SUFFIX_OF_TEXT = 0x0d
const NAME_AND_BELOW = 0x0a

type Shape = 'texts' | 'names' | 'adguard' | 'ranges' | 'octets' | 'pairs' | 'flag' | 'prefixes' | 'prefixes by type'

/** By item number: the field in JSON, and what stands behind the number. */
const ITEMS: readonly (readonly [field: string, shape: Shape])[] = [
  ['query_type', 'pairs'],
  ['network', 'texts'],
  ['domain', 'names'],
  ['domain_keyword', 'texts'],
  ['domain_regex', 'texts'],
  ['source_ip_cidr', 'ranges'],
  ['ip_cidr', 'ranges'],
  ['source_port', 'pairs'],
  ['source_port_range', 'texts'],
  ['port', 'pairs'],
  ['port_range', 'texts'],
  ['process_name', 'texts'],
  ['process_path', 'texts'],
  ['package_name', 'texts'],
  ['wifi_ssid', 'texts'],
  ['wifi_bssid', 'texts'],
  ['adguard_domain', 'adguard'],
  ['process_path_regex', 'texts'],
  ['network_type', 'octets'],
  ['network_is_expensive', 'flag'],
  ['network_is_constrained', 'flag'],
  ['network_interface_address', 'prefixes by type'],
  ['default_interface_address', 'prefixes'],
  ['package_name_regex', 'texts'],
]

/** Reads what stands behind an item's number and writes its field. */
export function writeSrsItem(item: number, reader: OctetReader, json: JsonWriter): void {
  const [field, shape] = ITEMS[item] ?? []
  if (field === undefined) throw reader.malformed(`a rule has an item ${item}, which is not known`)
  switch (shape) {
    case 'names':
      return writeNames(reader, json)
    case 'ranges':
      json.key(field)
      return writeRanges(reader, json)
    case 'texts':
      json.key(field)
      return json.array(() => {
        for (let left = reader.uvarint(); left > 0; left--) json.bytes(reader.octets(reader.uvarint()))
      })
    case 'adguard':
      readNames(reader)
      break
    case 'octets':
      reader.octets(reader.uvarint())
      break
    case 'pairs':
      reader.octets(2 * reader.uvarint())
      break
    case 'prefixes':
      skipPrefixes(reader)
      break
    case 'prefixes by type':
      for (let left = reader.uvarint(); left > 0; left--) {
        reader.uint8()
        skipPrefixes(reader)
      }
      break
    case 'flag':
    case undefined:
  }
  json.key(field)
  json.raw('true')
}

function writeNames(reader: OctetReader, json: JsonWriter): void {
  const names = readNames(reader)
  json.key('domain')
  json.array(() => {
    for (const name of names.keys()) if (name[0] !== SUFFIX_OF_TEXT && name[0] !== NAME_AND_BELOW) json.bytes(name)
  })
  json.key('domain_suffix')
  json.array(() => {
    for (const name of names.keys()) if (name[0] === SUFFIX_OF_TEXT || name[0] === NAME_AND_BELOW) json.bytes(suffixOf(name))
  })
}

/**
 * A suffix of the text that does not begin with a dot would match the ends of labels too. sing-box writes none; it becomes a pattern that
 * is skipped with its reason, and never a rule that covers more.
 */
function suffixOf(name: Uint8Array): Uint8Array {
  if (name[0] === NAME_AND_BELOW || name[1] === 0x2e) return name.subarray(1)
  return Uint8Array.of(0x2a, ...name.subarray(1))
}

function readNames(reader: OctetReader) {
  reader.uint8() // the version; sing-box does not look at it either
  return readSuccinctSet(reader, () => reader.uvarint())
}

function writeRanges(reader: OctetReader, json: JsonWriter): void {
  const version = reader.uint8()
  if (version !== 1) throw reader.malformed(`a set of addresses has version ${version}, and 1 is read`)
  json.array(() => {
    for (let left = reader.uint64(); left > 0; left--) {
      const first = reader.octets(reader.uvarint())
      const last = reader.octets(reader.uvarint())
      for (const prefix of prefixesOfRange(first, last)) json.text(prefix)
    }
  })
}

function skipPrefixes(reader: OctetReader): void {
  for (let left = reader.uvarint(); left > 0; left--) reader.octets(reader.uvarint() + 1)
}
