/** Things by the time at which they are due, the earliest first: a binary heap in which each knows its place. */
export interface Due {
  dueMs: number
  /** Its place in the heap; -1: it is not in it. */
  place: number
}

export class DueHeap<T extends Due> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  /** Puts it in, or moves it, for this time. */
  set(item: T, dueMs: number): void {
    item.dueMs = dueMs
    if (item.place < 0) item.place = this.#items.push(item) - 1
    this.#settle(item)
  }

  delete(item: T): void {
    if (item.place < 0) return
    const place = item.place
    const last = this.#items.pop()
    item.place = -1
    if (last === undefined || last === item) return
    this.#put(last, place)
    this.#settle(last)
  }

  #settle(item: T): void {
    let place = item.place
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (this.#items[parent].dueMs <= item.dueMs) break
      this.#put(this.#items[parent], place)
      place = parent
    }
    for (;;) {
      let child = 2 * place + 1
      if (child >= this.#items.length) break
      if (child + 1 < this.#items.length && this.#items[child + 1].dueMs < this.#items[child].dueMs) child++
      if (this.#items[child].dueMs >= item.dueMs) break
      this.#put(this.#items[child], place)
      place = child
    }
    this.#put(item, place)
  }

  #put(item: T, place: number): void {
    this.#items[place] = item
    item.place = place
  }
}
