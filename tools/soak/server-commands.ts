/** What somebody can do to the servers by hand: written straight to their sockets, so that no client library of ours has a part in it. */
import { connect } from 'node:net'

export function flushRedis(host: string, port: number): Promise<void> {
  return converse(host, port, 'FLUSHALL\r\n', '+OK').then(() => undefined)
}

/** `primary` or `replica`, or undefined when it does not answer. */
export async function redisRole(host: string, port: number): Promise<string | undefined> {
  const text = await converse(host, port, 'ROLE\r\n', '\r\n').catch(() => '')
  return text.includes('master') ? 'primary' : text.includes('slave') ? 'replica' : undefined
}

/** The names of the JetStream streams. */
export async function streamNames(host: string, port: number): Promise<string[]> {
  const text = await natsAsk(host, port, '$JS.API.STREAM.NAMES')
  const answer = JSON.parse(/\{.*\}/s.exec(text)?.[0] ?? '{}') as { streams?: string[] }
  return answer.streams ?? []
}

/** Deletes all that streams hold. */
export async function wipeStreams(host: string, port: number): Promise<void> {
  for (const stream of await streamNames(host, port)) await natsAsk(host, port, `$JS.API.STREAM.DELETE.${stream}`)
}

export async function deleteConsumers(host: string, port: number): Promise<void> {
  for (const stream of await streamNames(host, port)) await natsAsk(host, port, `$JS.API.CONSUMER.DELETE.${stream}.consumers`)
}

/** Asks on a subject; the first message that comes back. */
function natsAsk(host: string, port: number, subject: string): Promise<string> {
  const inbox = `_INBOX.soak.${Math.floor(performance.now() * 1000)}`
  return converse(
    host,
    port,
    `CONNECT {"verbose":false,"pedantic":false}\r\nSUB ${inbox} 1\r\nPUB ${subject} ${inbox} 2\r\n{}\r\n`,
    '}\r\n',
    'MSG ',
  )
}

/** Sends, and waits until the answer, from `from` on, holds `end`. */
function converse(host: string, port: number, sent: string, end: string, from = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    let heard = ''
    socket.setTimeout(10_000, () => socket.destroy(new Error(`${host}:${port} does not answer`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${host}:${port} closed`)))
    socket.on('connect', () => socket.write(sent))
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1')
      const start = heard.indexOf(from)
      if (start < 0 || !heard.slice(start).includes(end)) return
      resolve(heard.slice(start))
      socket.destroy()
    })
  })
}
