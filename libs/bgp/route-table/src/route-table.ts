/**
 * The routes that routers should have: the desired state.
 *
 * The announcer sets and deletes routes. Each peer's Adj-RIB-Out follows the table and finds by itself which UPDATEs its router still needs.
 * Inside, prefixes and attribute sets are numbers (prefix-table.ts, route-attributes.ts); this class translates from and to text.
 */
import { formatAddress, parseAddress } from '@dnstap-bgp/ip'
import { PrefixTable } from './prefix-table.ts'
import { AttributeSets, type RouteAttributes } from './route-attributes.ts'

/** Families by number: they index pairs of columns. */
export const FamilyNumber = { ipv4: 0, ipv6: 1 } as const
export type FamilyNumber = (typeof FamilyNumber)[keyof typeof FamilyNumber]

/** bgp-wire's name for each. */
export const FAMILY_NAMES = ['ipv4', 'ipv6'] as const

/** Is called during each change; it must not change the table. */
export interface TableFollower {
  changed(family: FamilyNumber, prefixId: number): void
}

export interface RouteTableOptions {
  /** Seeds the hash: give it a random number, because strangers choose the addresses. */
  readonly seed?: number
}

export class RouteTable {
  /** Columns, which followers may read. */
  readonly families: readonly [PrefixTable, PrefixTable]
  readonly attributeSets = new AttributeSets()
  readonly #followers = new Set<TableFollower>()
  #followerList: readonly TableFollower[] = []

  constructor(options: RouteTableOptions = {}) {
    const seed = options.seed ?? 0
    this.families = [new PrefixTable(1, seed), new PrefixTable(4, seed)]
  }

  /** How many routes, both families. */
  get size(): number {
    return this.families[0].size + this.families[1].size
  }

  /** Octets of the columns, without those of followers. */
  get sizeBytes(): number {
    return this.families[0].sizeBytes + this.families[1].sizeBytes
  }

  /**
   * The route is wanted with these attributes. False if nothing changed. The prefix is `192.0.2.1/32`, `2001:db8::/32` or a bare address. The
   * attributes object must not change afterwards; pass the same object for many routes, because it is read only once.
   */
  set(prefix: string, attributes: RouteAttributes): boolean {
    const family = this.#read(prefix)
    const table = this.families[family]
    const sets = this.attributeSets
    const next = sets.intern(attributes)
    const id = table.intern(keys[family], lengthRead)
    const before = table.attributes[id]
    if (before === next) return false
    sets.hold(next)
    table.attributes[id] = next
    if (before === 0) table.size++
    else sets.release(before)
    this.#notify(family, id)
    return true
  }

  /** The route is not wanted any more. False if it was not in the table. */
  delete(prefix: string): boolean {
    const family = this.#read(prefix)
    const table = this.families[family]
    const id = table.find(keys[family], lengthRead)
    if (id < 0 || table.attributes[id] === 0) return false
    this.#remove(family, id)
    return true
  }

  clear(): void {
    for (const family of [FamilyNumber.ipv4, FamilyNumber.ipv6]) {
      const table = this.families[family]
      for (let id = 0; id < table.highWater; id++) if (table.attributes[id] !== 0) this.#remove(family, id)
    }
  }

  get(prefix: string): RouteAttributes | undefined {
    const family = this.#read(prefix)
    const table = this.families[family]
    const id = table.find(keys[family], lengthRead)
    return id < 0 ? undefined : this.attributeSets.get(table.attributes[id])
  }

  has(prefix: string): boolean {
    return this.get(prefix) !== undefined
  }

  /** The routes that cover an address, the longest prefix first: one lookup for each length, however large the table. */
  covering(address: string): string[] {
    const family = this.#read(address)
    const table = this.families[family]
    const key = keys[family]
    const found: string[] = []
    for (let length = lengthRead; length >= 0; length--) {
      if (length < lengthRead) key[length >> 5] &= ~(0x80000000 >>> (length & 31))
      const id = table.find(key, length)
      if (id >= 0 && table.attributes[id] !== 0) found.push(this.prefixText(family, id))
    }
    return found
  }

  /** The number of a prefix that is in the table, or that some peer still has. */
  find(prefix: string): { readonly family: FamilyNumber; readonly id: number } | undefined {
    const family = this.#read(prefix)
    const id = this.families[family].find(keys[family], lengthRead)
    return id < 0 ? undefined : { family, id }
  }

  /** All routes, IPv4 first, in no order. Routes that change meanwhile may or may not be seen. */
  *entries(): IterableIterator<[string, RouteAttributes]> {
    for (const family of [FamilyNumber.ipv4, FamilyNumber.ipv6]) {
      const table = this.families[family]
      for (let id = 0; id < table.highWater; id++) {
        const attributes = this.attributeSets.get(table.attributes[id])
        if (attributes !== undefined) yield [this.prefixText(family, id), attributes]
      }
    }
  }

  /** Canonical text of a prefix by its number. */
  prefixText(family: FamilyNumber, id: number): string {
    const table = this.families[family]
    const octets = new Uint8Array(table.words * 4)
    for (let word = 0; word < table.words; word++) writeWord(octets, word * 4, table.keys[id * table.words + word])
    return `${formatAddress(octets)}/${table.lengths[id]}`
  }

  /** Calls the follower at every change from now on; call the result to end that. */
  follow(follower: TableFollower): () => void {
    this.#followers.add(follower)
    this.#followerList = [...this.#followers]
    return () => {
      this.#followers.delete(follower)
      this.#followerList = [...this.#followers]
    }
  }

  #remove(family: FamilyNumber, id: number): void {
    const table = this.families[family]
    const before = table.attributes[id]
    table.attributes[id] = 0
    table.size--
    this.attributeSets.release(before)
    this.#notify(family, id) // a follower whose peer has the route pins it
    table.freeIfUnused(id)
  }

  #notify(family: FamilyNumber, id: number): void {
    const followers = this.#followerList
    for (let i = 0; i < followers.length; i++) followers[i].changed(family, id)
  }

  /** Reads a prefix into `keys` and `lengthRead`; returns its family. */
  #read(text: string): FamilyNumber {
    const slash = text.indexOf('/')
    const octets = parseAddress(slash < 0 ? text : text.slice(0, slash))
    if (octets === undefined) throw new TypeError(`no prefix: ${text}`)
    const bits = octets.length * 8
    lengthRead = slash < 0 ? bits : readLength(text, slash + 1)
    if (!(lengthRead <= bits)) throw new TypeError(`no prefix: ${text}`)
    const family = octets.length === 4 ? FamilyNumber.ipv4 : FamilyNumber.ipv6
    const key = keys[family]
    for (let word = 0; word < key.length; word++) {
      const value = readWord(octets, word * 4)
      const inside = Math.min(Math.max(lengthRead - word * 32, 0), 32)
      if (inside < 32 && (inside === 0 ? value : value << inside) !== 0) throw new TypeError(`host bits set: ${text}`)
      key[word] = value
    }
    return family
  }
}

// The result of #read(). One is enough: nothing in here waits.
const keys = [new Uint32Array(1), new Uint32Array(4)] as const
let lengthRead = 0

function readLength(text: string, start: number): number {
  let value = 0
  if (text.length === start || text.length > start + 3) return NaN
  if (text.length > start + 1 && text.charCodeAt(start) === 0x30) return NaN
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return NaN
    value = value * 10 + digit
  }
  return value
}

function readWord(octets: Uint8Array, at: number): number {
  return ((octets[at] << 24) | (octets[at + 1] << 16) | (octets[at + 2] << 8) | octets[at + 3]) >>> 0
}

function writeWord(octets: Uint8Array, at: number, word: number): void {
  octets[at] = word >>> 24
  octets[at + 1] = word >>> 16
  octets[at + 2] = word >>> 8
  octets[at + 3] = word
}
