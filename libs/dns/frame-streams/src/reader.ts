/**
 * The receiving end of one Frame Streams connection or file, without the I/O.
 *
 * push() takes bytes as they come and hands over whole data frames; answer() gets the bytes to write back. One reader serves one
 * connection; its driver writes the answers, and closes when `state` is `finished` or `refused`. The sender's first control frame
 * tells whether it expects answers:
 *
 *     bidirectional    READY ->  <- ACCEPT  START ->  data ->  STOP ->  <- FINISH
 *     unidirectional                        START ->  data ->  STOP ->
 *
 * The one idea: a frame that lies whole in the chunk is handed over where it lies. Only what a chunk cuts is
 * copied, into a buffer that grows with the bytes really received (never with a length merely claimed) up
 * to the frame limit.
 *
 *     chunk   |..frame 7 (tail)|len|frame 8|len|frame 9|len|fra|      7 completes #held, 8 and 9 stay in place,
 *     #held   |len|frame 7 (head)|                                    the last six or so bytes become the new #held
 *
 * As in libfstrm: a READY or START without a content type is accepted; a READY that offers only other content types ends the
 * connection without an answer; control frames of an unknown type are ignored between data frames.
 */
import { ControlType, DNSTAP_CONTENT_TYPE, MAX_CONTROL_LENGTH, decodeControl, encodeControl, uint32At } from './control-frame.ts'

export interface FrameStreamHandler {
  /** One data frame: `bytes[start..end)`, valid during the call only: copy what you keep. */
  onFrame(bytes: Uint8Array, start: number, end: number): void
  /** Bytes to write back at once: ACCEPT or FINISH. */
  answer(bytes: Uint8Array): void
}

export interface FrameStreamOptions {
  contentType?: string
  /** Longest data frame taken. Default 262144: two DNS messages of 65535 bytes and their envelope fit. */
  maxFrameLength?: number
}

/**
 * `opening`: nothing but READY or START may come. `accepted`: ACCEPT is out, START is due. `streaming`: data.
 * `finished`: STOP was read, whatever follows is ignored. `refused`: see `refusal`; whatever follows is ignored.
 */
export type FrameStreamState = 'opening' | 'accepted' | 'streaming' | 'finished' | 'refused'

export type StreamRefusal =
  | 'wrong-content-type' // READY or START names content types, and ours is not among them
  | 'frame-too-long' // a data frame over the limit: an absurd length means that sync is lost
  | 'control-frame-too-long' // over 512 bytes
  | 'malformed-control-frame' // fields run over its end
  | 'unexpected-control-frame' // of a known type, out of turn
  | 'data-before-start'

export const DEFAULT_MAX_FRAME_LENGTH = 262_144

const FIRST_BUFFER_LENGTH = 4096
const KEPT_BUFFER_LENGTH = 65_536

export class FrameStreamReader {
  /** Data frames handed over. */
  frames = 0
  state: FrameStreamState = 'opening'
  /** Set when, and only when, the state is `refused`. */
  refusal: StreamRefusal | undefined = undefined
  /** The sender began with READY and waits for answers. */
  bidirectional = false

  readonly #handler: FrameStreamHandler
  readonly #contentType: string
  readonly #maxFrameLength: number
  #held = new Uint8Array(0)
  #heldLength = 0

  constructor(handler: FrameStreamHandler, options: FrameStreamOptions = {}) {
    this.#handler = handler
    this.#contentType = options.contentType ?? DNSTAP_CONTENT_TYPE
    this.#maxFrameLength = options.maxFrameLength ?? DEFAULT_MAX_FRAME_LENGTH
  }

  /** Bytes of a frame that has begun and is not yet whole. At the end of the input they are lost. */
  get heldLength(): number {
    return this.#heldLength
  }

  /** Takes the next bytes of the stream, in any cut. The chunk is the caller's again when this returns. */
  push(chunk: Uint8Array, start = 0, end = chunk.length): void {
    let at = this.#heldLength > 0 ? this.#completeHeld(chunk, start, end) : start
    while (at < end && this.state !== 'finished' && this.state !== 'refused') {
      // Nearly every byte goes through here.
      while (this.state === 'streaming' && end - at >= 4) {
        const length = uint32At(chunk, at)
        if (length === 0 || length > this.#maxFrameLength || length > end - at - 4) break
        const from = at + 4
        at = from + length
        this.frames++
        this.#handler.onFrame(chunk, from, at)
      }
      if (at === end) return
      const whole = this.#lengthOfUnit(chunk, at, end)
      if (whole === REFUSED) return
      if (whole === UNKNOWN || whole > end - at) {
        this.#hold(chunk, at, end)
        return
      }
      this.#take(chunk, at, at + whole)
      at += whole
    }
  }

  /**
   * How many bytes the frame at `at` has, its length fields included; UNKNOWN while those are not all there. A bad length
   * is refused as soon as it can be read, before anything is buffered for it.
   */
  #lengthOfUnit(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 4) return UNKNOWN
    const length = uint32At(bytes, at)
    if (length > 0) {
      if (this.state !== 'streaming') return this.#refuse('data-before-start')
      if (length > this.#maxFrameLength) return this.#refuse('frame-too-long')
      return 4 + length
    }
    if (end - at < 8) return UNKNOWN
    const controlLength = uint32At(bytes, at + 4)
    if (controlLength > MAX_CONTROL_LENGTH) return this.#refuse('control-frame-too-long')
    return 8 + controlLength
  }

  /** One whole frame, data or control, length fields included. */
  #take(bytes: Uint8Array, start: number, end: number): void {
    if (uint32At(bytes, start) === 0) {
      this.#control(bytes, start + 8, end)
    } else {
      this.frames++
      this.#handler.onFrame(bytes, start + 4, end)
    }
  }

  #control(bytes: Uint8Array, start: number, end: number): void {
    const frame = decodeControl(bytes, start, end)
    if (frame === undefined) {
      this.#refuse('malformed-control-frame')
      return
    }
    switch (frame.type) {
      case ControlType.READY:
        if (this.state !== 'opening') break
        if (!this.#speaksOurs(frame.contentTypes)) {
          this.#refuse('wrong-content-type')
          return
        }
        this.bidirectional = true
        this.state = 'accepted'
        // Exactly one content type, whatever was offered: Unbound hangs up on more or none.
        this.#handler.answer(encodeControl(ControlType.ACCEPT, [this.#contentType]))
        return
      case ControlType.START:
        if (this.state !== 'opening' && this.state !== 'accepted') break
        if (!this.#speaksOurs(frame.contentTypes)) {
          this.#refuse('wrong-content-type')
          return
        }
        this.state = 'streaming'
        return
      case ControlType.STOP:
        if (this.state !== 'streaming') break
        this.state = 'finished'
        // A unidirectional sender does not read.
        if (this.bidirectional) this.#handler.answer(encodeControl(ControlType.FINISH))
        return
      case ControlType.ACCEPT:
      case ControlType.FINISH:
        break
      default:
        if (this.state === 'streaming') return
    }
    this.#refuse('unexpected-control-frame')
  }

  #speaksOurs(contentTypes: readonly string[]): boolean {
    return contentTypes.length === 0 || contentTypes.includes(this.#contentType)
  }

  #refuse(reason: StreamRefusal): typeof REFUSED {
    this.state = 'refused'
    this.refusal = reason
    this.#held = new Uint8Array(0)
    this.#heldLength = 0
    return REFUSED
  }

  /** Adds from the chunk to the frame already begun; returns where the next frame starts. */
  #completeHeld(chunk: Uint8Array, start: number, end: number): number {
    let at = start
    while (this.#heldLength > 0 && at < end) {
      const whole = this.#lengthOfUnit(this.#held, 0, this.#heldLength)
      if (whole === REFUSED) return end
      // Until the length is known, take no more than its fields, so that the rest stays in place.
      const wanted = whole === UNKNOWN ? (this.#heldLength < 4 ? 4 : 8) : whole
      const taken = Math.min(wanted - this.#heldLength, end - at)
      this.#hold(chunk, at, at + taken)
      at += taken
      if (whole === UNKNOWN) {
        const now = this.#lengthOfUnit(this.#held, 0, this.#heldLength)
        if (now === REFUSED) return end
        if (now !== this.#heldLength) continue
      } else if (this.#heldLength < whole) continue
      const bytes = this.#held
      const length = this.#heldLength
      this.#heldLength = 0
      if (bytes.length > KEPT_BUFFER_LENGTH) this.#held = new Uint8Array(0)
      this.#take(bytes, 0, length)
    }
    return at
  }

  #hold(chunk: Uint8Array, start: number, end: number): void {
    const needed = this.#heldLength + end - start
    if (needed > this.#held.length) {
      const grown = new Uint8Array(Math.max(FIRST_BUFFER_LENGTH, 2 * this.#held.length, needed))
      grown.set(this.#held.subarray(0, this.#heldLength))
      this.#held = grown
    }
    this.#held.set(chunk.subarray(start, end), this.#heldLength)
    this.#heldLength = needed
  }
}

const UNKNOWN = 0
const REFUSED = -1
