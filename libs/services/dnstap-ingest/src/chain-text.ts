/** The chain of the message at hand as text, made when a fact first needs it: most messages need none. */
import { nameToText, type ResponseReader } from '@dnstap-bgp/dns-wire'

export class ChainText {
  readonly #reader: ResponseReader
  #names: readonly string[] = []
  #ofFrame = 0

  constructor(reader: ResponseReader) {
    this.#reader = reader
  }

  /** The names from QNAME to the one at `last`. `frame` is the number of the frame at hand. */
  upTo(last: number, frame: number): readonly string[] {
    if (this.#ofFrame === frame && this.#names.length === last + 1) return this.#names
    const reader = this.#reader
    const names: string[] = []
    for (let i = 0; i <= last; i++) names.push(nameToText(reader.chainBytes(i), reader.chainOffset(i)))
    this.#names = names
    this.#ofFrame = frame
    return names
  }
}
