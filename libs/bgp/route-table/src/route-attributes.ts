/**
 * The attributes of a route, and the store that keeps each distinct set once.
 *
 * A million routes have a handful of attribute sets (one for each combination of lists), so a route is a prefix and a number. A set counts its
 * routes. When the last one is gone, the number is used again with another generation, so code that keeps something about a number must
 * compare generations (export-profile.ts does).
 */

export interface RouteAttributes {
  /** The lists that own the route, in configuration order; peers select routes by them. Never sent. */
  readonly lists: readonly string[]
  readonly nextHopIpv4?: string
  readonly nextHopIpv6?: string
  readonly localPref?: number
  readonly med?: number
  /** RFC 1997, as 32-bit numbers. */
  readonly communities: readonly number[]
  /** RFC 8092. */
  readonly largeCommunities: readonly (readonly [number, number, number])[]
}

/** Number 0 means "no route" and is never used for a set. */
export class AttributeSets {
  readonly #byKey = new Map<string, number>()
  readonly #known = new WeakMap<RouteAttributes, { readonly id: number; readonly generation: number }>()
  readonly #sets: (RouteAttributes | undefined)[] = [undefined]
  readonly #keys: string[] = ['']
  readonly #free: number[] = []
  #routes = new Uint32Array(64)
  #generations = new Uint32Array(64)

  /** By number: grows when the number is freed. */
  get generations(): Uint32Array {
    return this.#generations
  }

  /** How many distinct sets are in use. */
  get size(): number {
    return this.#byKey.size
  }

  get(id: number): RouteAttributes | undefined {
    return this.#sets[id]
  }

  /**
   * The number of a set; equal sets have the same. The object must not be changed afterwards: it is read only once. The number is valid until
   * each hold() has its release(), so call hold() before anything else is released.
   */
  intern(attributes: RouteAttributes): number {
    const known = this.#known.get(attributes)
    if (known !== undefined && this.#generations[known.id] === known.generation && this.#sets[known.id] !== undefined)
      return known.id
    const key = keyOf(attributes)
    let id = this.#byKey.get(key)
    if (id === undefined) {
      id = this.#free.pop() ?? this.#sets.length
      if (id >= this.#routes.length) this.#grow()
      this.#sets[id] = attributes
      this.#keys[id] = key
      this.#byKey.set(key, id)
    }
    this.#known.set(attributes, { id, generation: this.#generations[id] })
    return id
  }

  hold(id: number): void {
    this.#routes[id]++
  }

  release(id: number): void {
    if (--this.#routes[id] > 0) return
    this.#byKey.delete(this.#keys[id])
    this.#sets[id] = undefined
    this.#keys[id] = ''
    this.#generations[id]++
    this.#free.push(id)
  }

  #grow(): void {
    this.#routes = grown(this.#routes)
    this.#generations = grown(this.#generations)
  }
}

function keyOf(attributes: RouteAttributes): string {
  return JSON.stringify([
    attributes.lists,
    attributes.nextHopIpv4 ?? null,
    attributes.nextHopIpv6 ?? null,
    attributes.localPref ?? null,
    attributes.med ?? null,
    [...new Set(attributes.communities)].sort((a, b) => a - b),
    [...new Set(attributes.largeCommunities.map((each) => each.join(':')))].sort(),
  ])
}

function grown(old: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(old.length * 2)
  larger.set(old)
  return larger
}
