/**
 * Reads the entries of a body, as its octets come: the one value of a PUT, the values of a batch (one after the other, as our own instances
 * send them), or the array of a fetch. Bad entries inside a batch or an array cost themselves, a broken syntax costs what follows it.
 */
import { PeerSyncError, UNEXPECTED_EOF, ValueScanner, isSpace, parseJson } from './value-scanner.ts'
import type { PeerEntry } from './peer-entry.ts'
import { decodeEntry, entryOf } from './peer-entry.ts'

/** The longest entry is a name of 255 escaped octets and some 150 more. */
const MAX_ENTRY_BYTES = 16 * 1024

export interface EntryReader {
  /** @throws PeerSyncError when nothing more can be read; entries returned earlier stand */
  push(chunk: Uint8Array): readonly PeerEntry[]
  /** The body is over. @throws PeerSyncError when it was cut short */
  end(): readonly PeerEntry[]
  /** Entries that were malformed. */
  readonly refused: number
  /** The first refusal's words. */
  readonly firstRefusal: string | undefined
}

/** One value; whatever comes after it is ignored, as the ancestor does. */
export class SingleEntryReader implements EntryReader {
  readonly refused = 0
  readonly firstRefusal = undefined
  readonly #scanner = new ValueScanner(MAX_ENTRY_BYTES)
  #done = false

  push(chunk: Uint8Array): readonly PeerEntry[] {
    if (this.#done) return []
    const { value } = this.#scanner.take(chunk, 0)
    if (value === undefined) {
      // Go complains at the first wrong octet; we look when the body has ended, and at what JSON cannot begin with at once.
      return []
    }
    this.#done = true
    return [decodeEntry(value)]
  }

  end(): readonly PeerEntry[] {
    if (this.#done) return []
    this.#done = true
    if (!this.#scanner.inside) throw new PeerSyncError('missing IP address') // an empty body; the ancestor takes it for ::
    const partial = this.#scanner.partial
    // Number or word: whole at the end. Anything else was cut short, or is broken before that.
    return [decodeEntry(partial)]
  }
}

/** Values one after the other, white space between them. */
export class BatchReader implements EntryReader {
  readonly #scanner = new ValueScanner(MAX_ENTRY_BYTES)
  readonly #decoder = new EntryDecoder()

  get refused(): number {
    return this.#decoder.refused
  }

  get firstRefusal(): string | undefined {
    return this.#decoder.first
  }

  push(chunk: Uint8Array): readonly PeerEntry[] {
    const entries: PeerEntry[] = []
    let at = 0
    while (at < chunk.length) {
      const { end, value } = this.#scanner.take(chunk, at)
      at = end
      if (value !== undefined) this.#decoder.take(parseJson(value), entries)
    }
    return entries
  }

  end(): readonly PeerEntry[] {
    const entries: PeerEntry[] = []
    const value = this.#scanner.end()
    if (value !== undefined) this.#decoder.take(parseJson(value), entries)
    return entries
  }
}

/** `[...]`, or `null` for none. What comes after it is ignored. */
export class ArrayReader implements EntryReader {
  readonly #scanner = new ValueScanner(MAX_ENTRY_BYTES)
  readonly #decoder = new EntryDecoder()
  /** start -> first -> (value -> separator)* -> done; or start -> null -> done. */
  #state: 'start' | 'null' | 'first' | 'value' | 'separator' | 'done' = 'start'

  get refused(): number {
    return this.#decoder.refused
  }

  get firstRefusal(): string | undefined {
    return this.#decoder.first
  }

  push(chunk: Uint8Array): readonly PeerEntry[] {
    const entries: PeerEntry[] = []
    let at = 0
    while (at < chunk.length && this.#state !== 'done') {
      const octet = chunk[at]
      if (!this.#scanner.inside && isSpace(octet)) {
        at++
        continue
      }
      switch (this.#state) {
        case 'start':
          this.#state = octet === OPEN_BRACKET ? 'first' : 'null'
          if (octet === OPEN_BRACKET) at++
          break
        case 'null':
          at = this.#takeNull(chunk, at)
          break
        case 'first':
          this.#state = octet === CLOSE_BRACKET ? 'done' : 'value'
          break
        case 'value': {
          const { end, value } = this.#scanner.take(chunk, at)
          at = end
          if (value === undefined) break
          this.#decoder.take(parseJson(value), entries)
          this.#state = 'separator'
          break
        }
        case 'separator':
          if (octet !== COMMA && octet !== CLOSE_BRACKET)
            throw new PeerSyncError(`invalid character '${String.fromCharCode(octet)}' after array element`)
          this.#state = octet === COMMA ? 'value' : 'done'
          at++
          break
      }
    }
    return entries
  }

  end(): readonly PeerEntry[] {
    if (this.#state === 'null') {
      const value = this.#scanner.end()
      if (value !== undefined) requireNull(value)
      this.#state = 'done'
    }
    if (this.#state !== 'done') throw new PeerSyncError(UNEXPECTED_EOF)
    return []
  }

  #takeNull(chunk: Uint8Array, at: number): number {
    const { end, value } = this.#scanner.take(chunk, at)
    if (value === undefined) return end
    requireNull(value)
    this.#state = 'done'
    return end
  }
}

function requireNull(text: string): void {
  const value = parseJson(text)
  if (value !== null)
    throw new PeerSyncError(
      `json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type []*main.cacheEntry`,
    )
}

/** Decodes entries one by one: those that are malformed are counted and left out. */
class EntryDecoder {
  refused = 0
  first: string | undefined

  take(value: unknown, into: PeerEntry[]): void {
    try {
      into.push(entryOf(value))
    } catch (error) {
      if (!(error instanceof PeerSyncError)) throw error
      this.refused++
      this.first ??= error.message
    }
  }
}

const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c
