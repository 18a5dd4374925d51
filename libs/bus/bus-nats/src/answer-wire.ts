/**
 * How an answer travels: messages to the asker's inbox, and back to the server what the asker has taken.
 *
 *     0      1              5
 *     +------+--------------+----------------+
 *     | kind | number (u32) | piece or text  |
 *     +------+--------------+----------------+
 *
 * Kinds to the asker: MORE a piece of a part that goes on in the next message; PART a part's last (mostly only) piece; END; FAILED with
 * a sentence; WORKING when a part takes its time. All but WORKING are numbered from 0, so that a lost one is noticed.
 * Kinds to the server: TAKEN, every message before `number` has been consumed; STOP, nobody wants the rest.
 */
export const Kind = { MORE: 0, PART: 1, END: 2, FAILED: 3, WORKING: 4, TAKEN: 5, STOP: 6 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]

export const ANSWER_HEADER_LENGTH = 5

export interface AnswerMessage {
  readonly kind: Kind
  readonly number: number
  /** A view into the message. */
  readonly body: Uint8Array
}

const EMPTY = new Uint8Array()

export function encodeAnswerMessage(kind: Kind, number: number, body: Uint8Array = EMPTY): Uint8Array {
  const bytes = new Uint8Array(ANSWER_HEADER_LENGTH + body.length)
  bytes[0] = kind
  new DataView(bytes.buffer).setUint32(1, number)
  bytes.set(body, ANSWER_HEADER_LENGTH)
  return bytes
}

/** Undefined when the bytes are none. */
export function decodeAnswerMessage(bytes: Uint8Array): AnswerMessage | undefined {
  const kind = bytes[0]
  if (bytes.length < ANSWER_HEADER_LENGTH || kind === undefined || kind > Kind.STOP) return undefined
  const number = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1)
  return { kind: kind as Kind, number, body: bytes.subarray(ANSWER_HEADER_LENGTH) }
}
