/**
 * The file of announced routes: from it an announcer that restarts knows which routes routers still have.
 *
 *   | magic: a line of text | header length u32 | header, JSON | IPv4 records | IPv6 records | CRC-32 of all before u32 |
 *
 *   header   epoch, revision: where the cache's changes stood
 *            owners: sets of lists, by number
 *            holds: how long stale routes may still stay, in ms, by number less 1
 *            unconfirmedMs: how long all routes may still stay, if the cache has not confirmed them since the last restart; else null
 *            ipv4, ipv6: numbers of records
 *   record   address 4 or 16 | prefix length u8 | number in holds u8, 0: not stale | number in owners u16
 *
 * An Encoder writes it a step at a time, because a million routes must not block the event loop. Numbers are big-endian.
 */
import { crc32 } from 'node:zlib'
import { formatAddress } from '@dnstap-bgp/ip'
import type { RouteTable } from '@dnstap-bgp/route-table'
import type { StoreHead } from '@dnstap-bgp/steering'
import type { Loss } from './stale-routes.ts'

export interface Remembered {
  readonly head: StoreHead
  readonly unconfirmedMs: number | undefined
  readonly size: number
  routes(): Generator<RememberedRoute>
}

export interface RememberedRoute {
  readonly prefix: string
  readonly owners: readonly string[]
  readonly staleMs: number | undefined
}

/** Another program's file: it is left alone. */
export class ForeignFile extends Error {
  override readonly name = 'ForeignFile'
}

/** Larger files are not written and not read. Room for 8 million IPv4 routes, or 3 million IPv6 routes. */
export const MAX_BYTES = 64 * 1024 * 1024

interface Header extends StoreHead {
  readonly owners: readonly (readonly string[])[]
  readonly holds: readonly number[]
  readonly unconfirmedMs: number | null
  readonly ipv4: number
  readonly ipv6: number
}

export class Encoder {
  readonly #table: RouteTable
  readonly #losses: readonly Loss[]
  readonly #head: StoreHead
  readonly #unconfirmedMs: number | undefined
  readonly #records: [Uint8Array, Uint8Array]
  readonly #lengths: [number, number] = [0, 0]
  readonly #owners: (readonly string[])[] = []
  #parts: Uint8Array[] = []
  /** By the number of the attribute set. */
  readonly #ownersOf = new Map<number, number>()
  /** Routes without room in the file. */
  leftOut = 0

  /** `losses`: the stale routes. */
  constructor(table: RouteTable, losses: readonly Loss[], head: StoreHead, unconfirmedMs: number | undefined) {
    this.#table = table
    this.#losses = losses.slice(-MAX_HOLDS)
    this.#head = head
    this.#unconfirmedMs = unconfirmedMs
    this.#records = [
      new Uint8Array(Math.min(MAX_BYTES, table.families[0].size * RECORD_LENGTHS[0] + 1024)),
      new Uint8Array(Math.min(MAX_BYTES, table.families[1].size * RECORD_LENGTHS[1] + 1024)),
    ]
  }

  /** Routes that change meanwhile may or may not be seen. */
  *run(): Generator<void> {
    for (const family of [0, 1] as const)
      for (let id = 0; id < this.#table.families[family].highWater; id++) {
        this.#add(family, id)
        yield
      }
    this.#parts = [...this.#start(), ...[0, 1].map((family) => this.#records[family].subarray(0, this.#lengths[family]))]
    let sum = 0
    for (const part of this.#parts)
      for (let at = 0; at < part.length; at += CHECKED_AT_ONCE) {
        sum = crc32(part.subarray(at, at + CHECKED_AT_ONCE), sum)
        yield
      }
    this.#parts.push(uint32(sum))
  }

  /** The whole file, after run(). */
  get parts(): readonly Uint8Array[] {
    return this.#parts
  }

  get lengthBytes(): number {
    return this.#parts.reduce((length, part) => length + part.length, 0)
  }

  /** Everything before the records. */
  #start(): Uint8Array[] {
    const header: Header = {
      ...this.#head,
      owners: this.#owners,
      holds: this.#losses.map(({ leftMs }) => Math.round(leftMs)),
      unconfirmedMs: this.#unconfirmedMs === undefined ? null : Math.round(this.#unconfirmedMs),
      ipv4: this.#lengths[0] / RECORD_LENGTHS[0],
      ipv6: this.#lengths[1] / RECORD_LENGTHS[1],
    }
    const json = new TextEncoder().encode(JSON.stringify(header))
    return [MAGIC, uint32(json.length), json]
  }

  #add(family: 0 | 1, id: number): void {
    const { keys, lengths, attributes, words } = this.#table.families[family]
    if (attributes[id] === 0) return
    const at = this.#lengths[family]
    const owners = this.#ownersNumber(attributes[id])
    if (owners === undefined || this.#lengths[0] + this.#lengths[1] + RECORD_LENGTHS[family] > MAX_RECORD_BYTES) {
      this.leftOut++
      return
    }
    const records = this.#covering(family, at + RECORD_LENGTHS[family])
    let to = at
    for (let word = id * words; word < (id + 1) * words; word++) {
      const key = keys[word]
      records[to++] = key >>> 24
      records[to++] = key >>> 16
      records[to++] = key >>> 8
      records[to++] = key
    }
    records[to++] = lengths[id]
    records[to++] = this.#staleNumber(family, id)
    records[to++] = owners >>> 8
    records[to++] = owners
    this.#lengths[family] = to
  }

  #covering(family: 0 | 1, length: number): Uint8Array {
    if (length > this.#records[family].length) {
      const larger = new Uint8Array(this.#records[family].length * 2)
      larger.set(this.#records[family])
      this.#records[family] = larger
    }
    return this.#records[family]
  }

  #ownersNumber(attributes: number): number | undefined {
    const known = this.#ownersOf.get(attributes)
    if (known !== undefined) return known
    const lists = this.#table.attributeSets.get(attributes)?.lists
    if (lists === undefined || this.#owners.length === MAX_OWNER_SETS) return undefined
    this.#ownersOf.set(attributes, this.#owners.length)
    return this.#owners.push(lists) - 1
  }

  #staleNumber(family: 0 | 1, id: number): number {
    if (this.#losses.length === 0) return 0
    const prefix = this.#table.prefixText(family, id)
    return this.#losses.findIndex(({ prefixes }) => prefixes.has(prefix)) + 1
  }
}

/** Reads the layout above. Throws a ForeignFile, or an Error that says what is wrong. */
export function decodeRemembered(file: Uint8Array): Remembered {
  if (!startsWith(file, MAGIC)) throw new ForeignFile('it is not a file of announced routes of this version')
  const end = file.length - CHECKSUM_LENGTH
  if (end < MAGIC.length + 4) throw new Error('it is cut off')
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  if (crc32(file.subarray(0, end)) !== view.getUint32(end)) throw new Error('its checksum is wrong')
  const at = MAGIC.length + 4
  const jsonLength = view.getUint32(MAGIC.length)
  if (at + jsonLength > end) throw new Error('its header is longer than the file')
  const header = checkedHeader(JSON.parse(new TextDecoder().decode(file.subarray(at, at + jsonLength))))
  const ipv6At = at + jsonLength + header.ipv4 * RECORD_LENGTHS[0]
  if (ipv6At + header.ipv6 * RECORD_LENGTHS[1] !== end) throw new Error('its length differs from its header')
  return {
    head: { epoch: header.epoch, revision: header.revision },
    unconfirmedMs: header.unconfirmedMs ?? undefined,
    size: header.ipv4 + header.ipv6,
    *routes() {
      for (let n = 0; n < header.ipv4; n++) yield readRecord(file, view, at + jsonLength + n * RECORD_LENGTHS[0], 4, header)
      for (let n = 0; n < header.ipv6; n++) yield readRecord(file, view, ipv6At + n * RECORD_LENGTHS[1], 16, header)
    },
  }
}

function readRecord(file: Uint8Array, view: DataView, at: number, octets: number, header: Header): RememberedRoute {
  const hold = view.getUint8(at + octets + 1)
  return {
    prefix: `${formatAddress(file.subarray(at, at + octets))}/${view.getUint8(at + octets)}`,
    owners: header.owners[view.getUint16(at + octets + 2)] ?? [],
    staleMs: hold === 0 ? undefined : header.holds[hold - 1],
  }
}

function checkedHeader(value: unknown): Header {
  const header = (typeof value === 'object' && value !== null ? value : {}) as { readonly [name in keyof Header]?: unknown }
  const { epoch, revision, owners, holds, unconfirmedMs, ipv4, ipv6 } = header
  const isHeader =
    typeof epoch === 'string' &&
    [revision, ipv4, ipv6].every((one) => Number.isSafeInteger(one) && Number(one) >= 0) &&
    Array.isArray(owners) &&
    owners.every((set) => Array.isArray(set) && set.every((name) => typeof name === 'string')) &&
    Array.isArray(holds) &&
    holds.every((one) => Number.isFinite(one)) &&
    (unconfirmedMs === null || Number.isFinite(unconfirmedMs))
  if (!isHeader) throw new Error('its header is malformed')
  return header as Header
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

function startsWith(file: Uint8Array, start: Uint8Array): boolean {
  return file.length >= start.length && start.every((octet, index) => file[index] === octet)
}

const MAGIC = new TextEncoder().encode('dnstap-bgp announced routes, version 1\n')
const RECORD_LENGTHS = [8, 20] as const
const CHECKSUM_LENGTH = 4
const CHECKED_AT_ONCE = 256 * 1024
const MAX_RECORD_BYTES = MAX_BYTES - 4 * 1024 * 1024 // the rest is for the header
const MAX_OWNER_SETS = 65_536
const MAX_HOLDS = 255
