/** The senders, by the identity in their frames: for explanations, metrics and the log. Bounded: the one heard longest ago is forgotten first. */
import type { DnstapDecoder } from '@dnstap-bgp/dnstap'

/** A connection that frames come by. Ingest fills in what the frames tell. */
export interface FrameSender {
  /** Stands for the sender when its frames have no identity: the UNIX socket, or the address and port it connects from. */
  readonly origin: string
  /** The IP address it connects from; undefined on a UNIX socket. */
  readonly address?: string | undefined
  /** The socket it connected to. */
  readonly listener?: string
  identity?: string
  version?: string
  /** Frames it sent so far, the one at hand included. */
  readonly frames?: number
  /** Those of them that are about questions of our own. */
  ownFrames?: number
  /** Ingest's own note of when it last looked at the identity. */
  heardAt?: number
  /** Writes to the sender; false: it cannot be told. */
  reply?(octets: Uint8Array): boolean
}

export interface SenderFacts {
  version: string
  lastSeenMs: number
  /** Up to the last look at the connection, a quarter of a second ago at most. */
  frames: number
}

const MAX_SENDERS = 1000
const MAX_TEXT_BYTES = 255

export class Senders {
  readonly byIdentity = new Map<string, SenderFacts>()
  /** Identities forgotten for lack of room. */
  evicted = 0
  readonly #identity = new TextCache()
  readonly #version = new TextCache()

  /** A frame's identity, or what stands for it. */
  nameOf(sender: FrameSender, decoder: DnstapDecoder, bytes: Uint8Array): string {
    if (decoder.identityEnd === decoder.identityStart) return sender.origin
    return this.#identity.textOf(bytes, decoder.identityStart, decoder.identityEnd)
  }

  /** Called now and then for each connection that sends, not for each frame: `frames` came since. */
  hear(sender: FrameSender, decoder: DnstapDecoder, bytes: Uint8Array, nowMs: number, frames: number): void {
    if (decoder.identityEnd === decoder.identityStart) return
    const identity = this.#identity.textOf(bytes, decoder.identityStart, decoder.identityEnd)
    const version = this.#version.textOf(bytes, decoder.versionStart, decoder.versionEnd)
    sender.identity = identity
    sender.version = version
    const known = this.byIdentity.get(identity) ?? { version, lastSeenMs: nowMs, frames: 0 }
    known.version = version
    known.lastSeenMs = nowMs
    known.frames += frames
    this.byIdentity.delete(identity)
    this.byIdentity.set(identity, known)
    if (this.byIdentity.size <= MAX_SENDERS) return
    const [oldest] = this.byIdentity.keys()
    this.byIdentity.delete(oldest)
    this.evicted++
  }
}

/** Makes a string of bytes only when they are not the same as last time. */
class TextCache {
  readonly #bytes = new Uint8Array(MAX_TEXT_BYTES)
  #length = 0
  #text = ''

  textOf(bytes: Uint8Array, start: number, end: number): string {
    const length = Math.min(end - start, MAX_TEXT_BYTES)
    let same = length === this.#length
    for (let i = 0; same && i < length; i++) same = bytes[start + i] === this.#bytes[i]
    if (same) return this.#text
    this.#bytes.set(bytes.subarray(start, start + length))
    this.#length = length
    this.#text = Buffer.from(this.#bytes.subarray(0, length))
      .toString('utf8')
      .replace(/[^\x20-\x7e]/g, '?')
    return this.#text
  }
}
