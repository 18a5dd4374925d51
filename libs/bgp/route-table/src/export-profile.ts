/**
 * Encoded attributes for a session: each attribute set is encoded once.
 *
 * The speaker passes its policy (lists, next hop, additions) as a function. Its results are kept here by the number of the attribute set, and
 * results with equal octets get one export number. An Adj-RIB-Out keeps export numbers, so a change that the peer would not see (another list
 * owns the route now) sends nothing.
 */
import type { AttributeBlock } from '@dnstap-bgp/bgp-wire'
import type { FamilyNumber } from './route-table.ts'
import type { AttributeSets, RouteAttributes } from './route-attributes.ts'

/** Undefined: the peer does not get such routes. */
export type ExportPolicy = (attributes: RouteAttributes, family: FamilyNumber) => AttributeBlock | undefined

/** Export number of a route that the peer does not get. */
export const NOT_EXPORTED = 0

export class ExportProfile {
  readonly #sets: AttributeSets
  readonly #policy: ExportPolicy
  readonly #families = [new FamilyExports(), new FamilyExports()] as const

  constructor(sets: AttributeSets, policy: ExportPolicy) {
    this.#sets = sets
    this.#policy = policy
  }

  /** The export number for an attribute set in use; NOT_EXPORTED if the policy says so. */
  idFor(family: FamilyNumber, attributeId: number): number {
    const known = this.#families[family]
    const generation = this.#sets.generations[attributeId]
    if (attributeId < known.ids.length && known.generations[attributeId] === generation + 1) return known.ids[attributeId]
    const attributes = this.#sets.get(attributeId)
    const exported = attributes === undefined ? undefined : this.#policy(attributes, family)
    return known.remember(attributeId, generation + 1, exported)
  }

  /** The attributes of an export number, while idFor() still returns it. */
  get(family: FamilyNumber, exportId: number): AttributeBlock | undefined {
    return this.#families[family].byId.get(exportId)
  }
}

class FamilyExports {
  ids = new Uint32Array(64)
  /** The attribute set's generation when its export number was found, plus one; 0: not found yet. */
  generations = new Uint32Array(64)
  readonly byId = new Map<number, AttributeBlock>()
  readonly #byOctets = new Map<string, { readonly id: number; sets: number }>()
  readonly #keyById = new Map<number, string>()
  #lastId = NOT_EXPORTED // numbers are not used again: an Adj-RIB-Out may still have an old one

  remember(attributeId: number, generation: number, exported: AttributeBlock | undefined): number {
    while (attributeId >= this.ids.length) this.#grow()
    const before = this.generations[attributeId] === 0 ? NOT_EXPORTED : this.ids[attributeId]
    const id = exported === undefined ? NOT_EXPORTED : this.#idOf(exported)
    this.#forget(before) // after the new one was found, because they may be equal
    this.ids[attributeId] = id
    this.generations[attributeId] = generation
    return id
  }

  #idOf(exported: AttributeBlock): number {
    const key = `${exported.mpNextHop.join()}|${exported.bytes.join()}`
    const known = this.#byOctets.get(key)
    if (known !== undefined) {
      known.sets++
      return known.id
    }
    const id = ++this.#lastId
    this.#byOctets.set(key, { id, sets: 1 })
    this.#keyById.set(id, key)
    this.byId.set(id, exported)
    return id
  }

  #forget(id: number): void {
    const key = this.#keyById.get(id)
    const known = key === undefined ? undefined : this.#byOctets.get(key)
    if (key === undefined || known === undefined || --known.sets > 0) return
    this.#byOctets.delete(key)
    this.#keyById.delete(id)
    this.byId.delete(id)
  }

  #grow(): void {
    const { ids, generations } = this
    this.ids = new Uint32Array(ids.length * 2)
    this.ids.set(ids)
    this.generations = new Uint32Array(ids.length * 2)
    this.generations.set(generations)
  }
}
