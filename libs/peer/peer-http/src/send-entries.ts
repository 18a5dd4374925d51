/** The answer to GET /fetch: every entry, written as fast as the peer reads, and cut when the peer stands still. */
import { encodeEntry, type PeerEntry } from '@dnstap-bgp/peer-sync'
import type { Clock } from '@dnstap-bgp/runtime'
import type { Response } from 'express'

/**
 * A reader may be as slow as a cache that takes new routes, but it may not stand still. Its connection is cut when it has had no room for this long, or
 * when it needs longer than this for each write on average. The kernel holds data for it as well, so the time is minutes.
 */
const STANDSTILL_TIMEOUT_MS = 120_000
const FIRST_WRITES_MS = 300_000
const PER_WRITE_MS = 10_000
const WRITE_BYTES = 64 * 1024
/** Go's server gives the length of an answer that fits its buffer, else it sends chunks. */
const UNCHUNKED_BYTES = 2048

export const PLAIN_TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }

/** Sends every entry as one JSON array, `null` when there is none; a part when it is large enough to be written. */
export async function sendEntries(entries: AsyncIterable<readonly PeerEntry[]>, response: Response, clock: Clock): Promise<void> {
  let text = ''
  let isEmpty = true
  let cutAtMs = clock.monotonic() + FIRST_WRITES_MS
  for await (const part of entries) {
    for (const entry of part) {
      text += `${isEmpty ? '[' : ','}${encodeEntry(entry)}`
      isEmpty = false
      if (text.length < WRITE_BYTES) continue
      if (!response.headersSent) response.writeHead(200, PLAIN_TEXT)
      if (!response.write(text)) await drained(response, clock)
      text = ''
      cutAtMs += PER_WRITE_MS
      if (clock.monotonic() > cutAtMs) response.destroy()
      if (response.destroyed) return
    }
  }
  text += isEmpty ? 'null\n' : ']\n'
  if (!response.headersSent)
    response.writeHead(
      200,
      text.length <= UNCHUNKED_BYTES ? { ...PLAIN_TEXT, 'Content-Length': Buffer.byteLength(text) } : PLAIN_TEXT,
    )
  response.end(text)
}

/** Until the reader has taken enough, or is gone; one that stands still is made to go. */
function drained(response: Response, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const standstill = clock.after(STANDSTILL_TIMEOUT_MS, () => response.destroy())
    const done = () => {
      standstill.cancel()
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
    if (response.destroyed) done()
  })
}
