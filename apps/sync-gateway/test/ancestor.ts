/**
 * dnstap-bgp 1.1 as another instance, in its recorded octets: what it sends, and a server that answers as it does and keeps what it got.
 * Sockets, not an HTTP library: every octet is ours to say and to see.
 */
import { freePort } from '@dnstap-bgp/testkit'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  readonly headers: string
  readonly body: string
}

export interface Entry {
  readonly IP: string
  readonly Domain: string
  readonly TS: string
}

export interface Asker {
  readonly host: string
  readonly port: number
  /** The address it speaks from. */
  readonly from: string
}

/** The ancestor's PUT of this JSON. */
export function put(asker: Asker, json: string, moreHeaders = ''): Promise<Answer> {
  const chunk = `${Buffer.byteLength(json).toString(16)}\r\n${json}\r\n0\r\n\r\n`
  return exchange(
    asker,
    `PUT /put HTTP/1.1\r\nHost: ${asker.host}:${asker.port}\r\nUser-Agent: Go-http-client/1.1\r\nTransfer-Encoding: chunked\r\n${moreHeaders}Accept-Encoding: gzip\r\n\r\n${chunk}`,
  )
}

/** The ancestor's GET /fetch. */
export function fetchAll(asker: Asker, moreHeaders = ''): Promise<Answer> {
  return exchange(
    asker,
    `GET /fetch HTTP/1.1\r\nHost: ${asker.host}:${asker.port}\r\nUser-Agent: Go-http-client/1.1\r\n${moreHeaders}Accept-Encoding: gzip\r\n\r\n`,
  )
}

/** What an instance has, by GET /fetch. */
export async function entriesOf(asker: Asker, moreHeaders = ''): Promise<readonly Entry[]> {
  const { status, body } = await fetchAll(asker, moreHeaders)
  if (status !== 200) throw new Error(`${status} ${body}`)
  return (JSON.parse(body) as readonly Entry[] | null) ?? []
}

function exchange({ host, port, from }: Asker, octets: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, localAddress: from })
    let received = ''
    socket.setTimeout(20_000, () => socket.destroy(new Error(`no whole answer; so far: ${received}`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`the connection ended within the answer: ${received}`)))
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const answer = readAnswer(received)
      if (answer === undefined) return
      socket.removeAllListeners('close')
      socket.destroy()
      resolve(answer)
    })
    socket.write(octets)
  })
}

function readAnswer(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const headers = text.slice(0, end)
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(headers)?.[1])
  const rest = text.slice(end + 4)
  const length = /\r\nContent-Length: (\d+)/i.exec(headers)?.[1]
  if (length !== undefined)
    return rest.length < Number(length) ? undefined : { status, headers, body: rest.slice(0, Number(length)) }
  const body = dechunked(rest)
  return body === undefined ? undefined : { status, headers, body }
}

/** Undefined until the last chunk is there. */
function dechunked(text: string): string | undefined {
  let body = ''
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const length = Number.parseInt(text.slice(at, lineEnd), 16)
    const next = lineEnd + 2 + length + 2
    if (text.length < next) return undefined
    if (length === 0) return body
    body += text.slice(lineEnd + 2, lineEnd + 2 + length)
    at = next
  }
}

/** Answers GET /fetch and PUT /put as the ancestor does. */
export class FakeAncestor {
  readonly address: string
  /** Requests as they came: everything up to the end of each. */
  readonly requests: string[] = []
  /** What GET /fetch tells. */
  entries: readonly Entry[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(address: string, server: Server) {
    this.address = address
    this.#server = server
    server.on('connection', (socket: Socket) => this.#serve(socket))
  }

  static async start(address: string): Promise<FakeAncestor> {
    const server = createServer()
    const ancestor = new FakeAncestor(address, server)
    const port = await freePort(address)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, address, resolve)
    })
    return ancestor
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The entries that were put, oldest first. */
  get told(): readonly Entry[] {
    return this.puts.map((request) => JSON.parse(dechunked(request.slice(request.indexOf('\r\n\r\n') + 4)) ?? '') as Entry)
  }

  get puts(): readonly string[] {
    return this.requests.filter((request) => request.startsWith('PUT'))
  }

  get fetches(): readonly string[] {
    return this.requests.filter((request) => request.startsWith('GET'))
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    let buffered = ''
    socket.on('data', (chunk) => {
      buffered += chunk.toString('latin1')
      for (let length = lengthOfRequest(buffered); length !== undefined; length = lengthOfRequest(buffered)) {
        const request = buffered.slice(0, length)
        buffered = buffered.slice(length)
        this.requests.push(request)
        socket.write(request.startsWith('GET /fetch ') ? this.#fetched() : OK)
      }
    })
  }

  #fetched(): string {
    const body = this.entries.length === 0 ? 'null\n' : `${JSON.stringify(this.entries)}\n`
    return `HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n${DATE}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  }
}

const DATE = 'Date: Mon, 23 Nov 2026 01:13:08 GMT\r\n'
const OK = `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 0\r\n\r\n`

/** Octets of the first request, its chunked body with it; undefined while it is not whole. */
function lengthOfRequest(text: string): number | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  if (!/\r\nTransfer-Encoding: chunked\r\n/.test(text.slice(0, end + 2))) return end + 4
  const last = text.indexOf('\r\n0\r\n\r\n', end)
  return last < 0 ? undefined : last + 7
}
