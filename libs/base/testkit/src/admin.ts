/** Sends a request to the admin server of a program, on a UNIX socket or `host:port`. */
import { request } from 'node:http'

/** A call on the bus that nobody answers ends after 20 s; then the program has to answer. */
const PATIENCE_MS = 40_000

export function askAdmin(
  where: string,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  const colon = where.lastIndexOf(':')
  const target = where.startsWith('/') ? { socketPath: where } : { host: where.slice(0, colon), port: where.slice(colon + 1) }
  const payload = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const headers =
      payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) }
    const asked = request({ ...target, method, path, headers, timeout: PATIENCE_MS }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', reject)
    })
    asked.on('timeout', () => asked.destroy(new Error(`${where} does not answer ${path}`)))
    asked.on('error', reject)
    asked.end(payload)
  })
}

/** The JSON of a 200; anything else is an error. */
export async function adminJson<T>(where: string, path: string): Promise<T> {
  const { status, text } = await askAdmin(where, 'GET', path)
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`)
  return JSON.parse(text) as T
}
