/** Sends answers: text, JSON, and arrays too long to be built in memory. */
import type { ServerResponse } from 'node:http'

export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendText(response, status, 'application/json', `${JSON.stringify(value)}\n`)
}

/** A JSON array, element by element, as fast as the client reads. */
export async function sendArray(response: ServerResponse, elements: AsyncIterable<unknown>): Promise<void> {
  // The first element comes before the headers: a handler that refuses at once still gets a status of its own.
  const iterator = elements[Symbol.asyncIterator]()
  try {
    let next = await iterator.next()
    response.writeHead(200, { 'Content-Type': 'application/json' })
    let separator = '['
    while (next.done !== true) {
      if (!response.write(`${separator}${JSON.stringify(next.value)}\n`)) await drained(response)
      if (response.destroyed) return
      separator = ','
      next = await iterator.next()
    }
    response.end(separator === '[' ? '[]\n' : ']\n')
  } finally {
    await iterator.return?.()
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
  })
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
