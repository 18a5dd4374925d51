/** Sorts the records of one part of CollectedNames: their tags differ in the lower 24 bits only. Its memory is used again for the next part. */

export class TagSorter {
  /** To be filled: of each record, its tag and where it begins. */
  tags = new Int32Array(0)
  places = new Int32Array(0)
  #order = new Int32Array(0)
  #byLower = new Int32Array(0)
  readonly #starts = new Int32Array(DIGIT + 1)

  makeRoom(count: number): void {
    if (count <= this.tags.length) return
    const room = Math.ceil(count * ROOM_TO_SPARE)
    this.tags = new Int32Array(room)
    this.places = new Int32Array(room)
    this.#order = new Int32Array(room)
    this.#byLower = new Int32Array(room)
  }

  /** The indexes of the first `count` tags, the smallest first as unsigned numbers; equal tags stay in their order. Valid until the next call. */
  sort(count: number): Int32Array {
    if (count <= FEW) this.#byInsertion(count)
    else this.#byDigits(count)
    return this.#order
  }

  #byInsertion(count: number): void {
    const { tags } = this
    const order = this.#order
    for (let i = 0; i < count; i++) {
      const tag = tags[i] >>> 0
      let place = i
      for (; place > 0 && tags[order[place - 1]] >>> 0 > tag; place--) order[place] = order[place - 1]
      order[place] = i
    }
  }

  /** Two rounds of counting, the lower twelve bits first. */
  #byDigits(count: number): void {
    const { tags } = this
    const order = this.#order
    const byLower = this.#byLower
    const starts = this.#starts
    this.#countDigits(count, 0)
    for (let i = 0; i < count; i++) byLower[starts[tags[i] & DIGIT]++] = i
    this.#countDigits(count, 12)
    for (let i = 0; i < count; i++) order[starts[(tags[byLower[i]] >>> 12) & DIGIT]++] = byLower[i]
  }

  /** Where the tags with each digit begin, into #starts. */
  #countDigits(count: number, shift: number): void {
    const { tags } = this
    const starts = this.#starts.fill(0)
    for (let i = 0; i < count; i++) starts[(tags[i] >>> shift) & DIGIT]++
    let next = 0
    for (let digit = 0; digit <= DIGIT; digit++) {
      const ofDigit = starts[digit]
      starts[digit] = next
      next += ofDigit
    }
  }
}

const FEW = 64
const DIGIT = 0xfff
const ROOM_TO_SPARE = 1.25
