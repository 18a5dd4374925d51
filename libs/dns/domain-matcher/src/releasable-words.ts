/**
 * A growing row of words whose memory goes back to the operating system at once when it is released. Memory of other typed arrays goes back
 * when the garbage collector finds them, which in a build of a second or two is at its end.
 *
 * It grows by whole blocks, each as large as all before it, so that growing copies nothing. The part of a block that was never written takes no memory.
 */

/** ES2024; Node has it since version 20, and lib.es2023 does not know it. */
interface ResizableBuffer extends ArrayBuffer {
  resize(lengthBytes: number): void
}
const ResizableBuffer = ArrayBuffer as unknown as new (
  lengthBytes: number,
  options: { readonly maxByteLength: number },
) => ResizableBuffer

export class ReleasableWords {
  /** How many words are in use. */
  length = 0
  #blocks: Block[] = []
  #capacity = 0

  at(index: number): number {
    const block = index < FIRST_WORDS ? 0 : FIRST_LEADING - Math.clz32(index)
    return this.#blocks[block].words[index - startOf(block)]
  }

  append(words: Int32Array): void {
    while (this.length + words.length > this.#capacity) this.#grow()
    this.#write(this.length, words)
    this.length += words.length
  }

  /** Copies all words to the beginning of `target`. */
  copyTo(target: Int32Array): void {
    for (let i = 0; startOf(i) < this.length; i++) {
      const { words } = this.#blocks[i]
      const count = Math.min(words.length, this.length - startOf(i))
      target.set(count === words.length ? words : words.subarray(0, count), startOf(i))
    }
  }

  /** Puts these words, which are no more than there were, in place of all words. */
  replace(words: Int32Array): void {
    this.#write(0, words)
    this.length = words.length
  }

  release(): void {
    for (const { buffer } of this.#blocks) buffer.resize(0)
    this.#blocks = []
    this.#capacity = 0
    this.length = 0
  }

  #write(at: number, source: Int32Array): void {
    let from = 0
    for (let i = 0; from < source.length; i++) {
      const { words } = this.#blocks[i]
      const place = at + from - startOf(i)
      if (place >= words.length) continue
      const count = Math.min(words.length - place, source.length - from)
      words.set(count === source.length ? source : source.subarray(from, from + count), place)
      from += count
    }
  }

  #grow(): void {
    const lengthBytes = 4 * Math.max(FIRST_WORDS, this.#capacity)
    const buffer = new ResizableBuffer(lengthBytes, { maxByteLength: lengthBytes })
    this.#blocks.push({ buffer, words: new Int32Array(buffer) })
    this.#capacity += lengthBytes / 4
  }
}

interface Block {
  readonly buffer: ResizableBuffer
  readonly words: Int32Array
}

const FIRST_WORDS = 2 ** 12
/** Leading zeros of the indexes in the second block, and one more. */
const FIRST_LEADING = Math.clz32(FIRST_WORDS) + 1

/** The index of the first word of a block. */
function startOf(block: number): number {
  return block === 0 ? 0 : FIRST_WORDS * 2 ** (block - 1)
}
