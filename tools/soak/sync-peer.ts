/**
 * Another instance, as small as it can be: tells a gateway by `PUT /put` what it knows, answers `GET /fetch`, takes what it is told,
 * and goes away at times. It speaks as dnstap-bgp 1.1 does.
 */
import { createServer, request, type Server } from 'node:http'

export interface PeerEntry {
  readonly name: string
  readonly address: string
  readonly seenMs: number
}

export class SyncPeer {
  /** Entries that we were told. */
  heard = 0
  readonly host: string
  readonly port: number
  #server: Server | undefined
  #entries: readonly PeerEntry[] = []

  constructor(host: string, port: number) {
    this.host = host
    this.port = port
  }

  /** Is there, and answers. */
  async come(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer((asked, answer) => {
      if (asked.url === '/fetch') {
        answer.end(`[${this.#entries.map(textOf).join(',')}]\n`)
        return
      }
      asked.resume()
      asked.on('end', () => {
        this.heard++
        answer.end()
      })
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, this.host, resolve)
    })
    this.#server = server
  }

  async go(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  get here(): boolean {
    return this.#server !== undefined
  }

  /** What a fetch brings. */
  knows(entries: readonly PeerEntry[]): void {
    this.#entries = entries
  }

  /** Tells the gateway at `host:port` one entry; true when it took it. */
  tell(gateway: string, entry: PeerEntry): Promise<boolean> {
    const [host, port] = gateway.split(':')
    return new Promise((resolve) => {
      const asked = request({ host, port, localAddress: this.host, method: 'PUT', path: '/put', timeout: 5000 }, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
        answer.on('end', () => resolve(answer.statusCode === 200 && text === ''))
        answer.on('error', () => resolve(false))
      })
      asked.on('timeout', () => asked.destroy())
      asked.on('error', () => resolve(false))
      asked.end(textOf(entry))
    })
  }
}

function textOf(entry: PeerEntry): string {
  return JSON.stringify({ IP: entry.address, Domain: entry.name, TS: new Date(entry.seenMs).toISOString() })
}
