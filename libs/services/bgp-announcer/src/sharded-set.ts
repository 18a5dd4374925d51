/** A set of texts in many small sets: one set of a million would block the event loop for 25 ms each time it grows. */
export class ShardedSet {
  readonly #shards = Array.from({ length: SHARDS }, () => new Set<string>())
  #size = 0

  get size(): number {
    return this.#size
  }

  add(text: string): void {
    const shard = this.#shardOf(text)
    const before = shard.size
    shard.add(text)
    this.#size += shard.size - before
  }

  has(text: string): boolean {
    return this.#shardOf(text).has(text)
  }

  delete(text: string): void {
    if (this.#shardOf(text).delete(text)) this.#size--
  }

  *[Symbol.iterator](): Generator<string> {
    for (const shard of this.#shards) yield* shard
  }

  #shardOf(text: string): Set<string> {
    let hash = text.length
    for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
    return this.#shards[(hash ^ (hash >>> 15)) & (SHARDS - 1)]
  }
}

const SHARDS = 256
