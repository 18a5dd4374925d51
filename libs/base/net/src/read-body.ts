/** Reads the body of a request, with a bound. */
import type { IncomingMessage } from 'node:http'

/** The body is not taken. `too-large`: the rest is not read, so close the connection with the answer. `gone`: there is nobody to answer. */
export class BodyError extends Error {
  override readonly name = 'BodyError'
  readonly fault: 'too-large' | 'gone'

  constructor(fault: 'too-large' | 'gone', message: string) {
    super(message)
    this.fault = fault
  }
}

/**
 * Calls `onChunk` with each part; what `onChunk` throws rejects. Resolves at the end of the body.
 *
 * By events, not `for await`: leaving such a loop early destroys the request, and with it the connection that the answer needs.
 */
export function readBody(request: IncomingMessage, maxBytes: number, onChunk: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let length = 0
    const stop = () => {
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
      request.on('error', () => {})
      request.resume() // what still comes is thrown away until the connection closes
    }
    const onData = (chunk: Buffer) => {
      try {
        length += chunk.length
        if (length > maxBytes) throw new BodyError('too-large', `the body is over ${maxBytes} octets`)
        onChunk(chunk)
      } catch (error) {
        stop()
        reject(error as Error)
      }
    }
    const onEnd = () => {
      stop()
      resolve()
    }
    const onGone = () => {
      stop()
      reject(new BodyError('gone', 'the client went away in the middle of its body'))
    }
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone)
  })
}
