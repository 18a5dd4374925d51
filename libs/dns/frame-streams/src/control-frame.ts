/**
 * Control frames of Frame Streams: the few messages around a stream of data frames.
 *
 *     u32be 0         escape: what follows is a control frame, not data
 *     u32be length    of the payload, at most 512
 *     u32be type      ACCEPT 1, START 2, STOP 3, READY 4, FINISH 5
 *     fields          u32be kind, u32be length, bytes; kind 1 is CONTENT_TYPE, at most 256 bytes
 *
 * reader.ts decodes what arrives; programs that write a stream (tests, bench) encode. Fields of an unknown kind are skipped by their
 * length. Control frames of an unknown type are decoded, and the reader ignores them.
 *
 * Standard: Frame Streams as libfstrm's control.h describes it.
 */

export const ControlType = { ACCEPT: 1, START: 2, STOP: 3, READY: 4, FINISH: 5 } as const

/** The one content type that dnstap senders use. */
export const DNSTAP_CONTENT_TYPE = 'protobuf:dnstap.Dnstap'

export const MAX_CONTROL_LENGTH = 512
export const MAX_CONTENT_TYPE_LENGTH = 256

const CONTENT_TYPE_FIELD = 1

export interface ControlFrame {
  type: number
  /** CONTENT_TYPE fields, in order; bytes read as Latin-1, so that any byte survives a comparison. */
  contentTypes: string[]
}

/**
 * Reads a payload, which follows escape and length: u32be type, then fields of u32be kind, u32be length, bytes (libfstrm control.h).
 * Undefined when a field runs over the end or a content type is too long.
 */
export function decodeControl(bytes: Uint8Array, start: number, end: number): ControlFrame | undefined {
  if (end - start < 4) return undefined
  const frame: ControlFrame = { type: uint32At(bytes, start), contentTypes: [] }
  let at = start + 4
  while (at < end) {
    if (end - at < 8) return undefined
    const kind = uint32At(bytes, at)
    const length = uint32At(bytes, at + 4)
    at += 8
    if (length > end - at) return undefined
    if (kind === CONTENT_TYPE_FIELD) {
      if (length > MAX_CONTENT_TYPE_LENGTH) return undefined
      let text = ''
      for (let i = at; i < at + length; i++) text += String.fromCharCode(bytes[i] ?? 0)
      frame.contentTypes.push(text)
    }
    at += length
  }
  return frame
}

/** A control frame ready to be written, escape and length included. */
export function encodeControl(type: number, contentTypes: readonly string[] = []): Uint8Array {
  const payload = contentTypes.reduce((sum, text) => sum + 8 + text.length, 4)
  const bytes = new Uint8Array(8 + payload)
  writeUint32(bytes, 4, payload)
  writeUint32(bytes, 8, type)
  let at = 12
  for (const text of contentTypes) {
    writeUint32(bytes, at, CONTENT_TYPE_FIELD)
    writeUint32(bytes, at + 4, text.length)
    at += 8
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i)
  }
  return bytes
}

/** A data frame ready to be written: its length, then itself. An empty payload would read as an escape. */
export function encodeData(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + payload.length)
  writeUint32(bytes, 0, payload.length)
  bytes.set(payload, 4)
  return bytes
}

export function uint32At(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
