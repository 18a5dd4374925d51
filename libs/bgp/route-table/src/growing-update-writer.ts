/** UpdateWriter of bgp-wire for prefix numbers, with a buffer that grows. */
import { type AttributeBlock, UpdateWriter } from '@dnstap-bgp/bgp-wire'
import type { PrefixTable } from './prefix-table.ts'
import { FAMILY_NAMES, type FamilyNumber } from './route-table.ts'

export class GrowingUpdateWriter {
  readonly #writer: UpdateWriter
  #buffer: Uint8Array

  constructor(maxMessageLength: number) {
    this.#writer = new UpdateWriter(maxMessageLength)
    this.#buffer = new Uint8Array(2 * maxMessageLength)
    this.#writer.reset(this.#buffer)
  }

  get lengthBytes(): number {
    return this.#writer.position
  }

  get messages(): number {
    return this.#writer.messages
  }

  /** Removes the written octets, whole messages, and returns a copy. */
  take(): Uint8Array {
    const taken = this.#buffer.slice(0, this.#writer.finish())
    this.#writer.reset(this.#buffer)
    return taken
  }

  advertise(block: AttributeBlock): void {
    this.#writer.advertise(block)
  }

  withdraw(family: FamilyNumber): void {
    this.#writer.withdraw(FAMILY_NAMES[family])
  }

  put(table: PrefixTable, id: number): void {
    while (!this.#add(table, id)) this.#grow()
  }

  endOfRib(family: FamilyNumber): void {
    while (!this.#writer.endOfRib(FAMILY_NAMES[family])) this.#grow()
  }

  /** Appends a whole message. */
  message(bytes: Uint8Array): void {
    const at = this.#writer.finish()
    while (at + bytes.length > this.#buffer.length) this.#grow()
    this.#buffer.set(bytes, at)
    this.#writer.reset(this.#buffer, at + bytes.length)
  }

  #add(table: PrefixTable, id: number): boolean {
    if (table.words === 1) return this.#writer.addIpv4(table.keys[id], table.lengths[id])
    for (let word = 0, at = 0; word < 4; word++, at += 4) {
      const value = table.keys[4 * id + word]
      octets[at] = value >>> 24
      octets[at + 1] = value >>> 16
      octets[at + 2] = value >>> 8
      octets[at + 3] = value
    }
    return this.#writer.add(octets, 0, table.lengths[id])
  }

  #grow(): void {
    const written = this.#writer.finish()
    const larger = new Uint8Array(this.#buffer.length * 2)
    larger.set(this.#buffer.subarray(0, written))
    this.#buffer = larger
    this.#writer.reset(larger, written)
  }
}

const octets = new Uint8Array(16)
