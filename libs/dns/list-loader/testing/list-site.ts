/** A web server with a list, and loaders of it: set-up of the tests of lists from URLs. */
import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { ListDefinition, LoadedLists } from '../src/list-definition.ts'
import { ListLoader } from '../src/list-loader.ts'
import type { ListLoaderConfig } from '../src/loader-config.ts'
import { listDefinition } from './list-definition.ts'

export type Respond = (request: IncomingMessage, response: ServerResponse) => void

/** Starts the server before each test, and closes everything after it. */
export function listSite(): ListSite {
  const site = new ListSite()
  beforeEach(() => site.open())
  afterEach(() => site.close())
  return site
}

export class ListSite {
  stateFolder = ''
  base = ''
  /** How the server answers. */
  answer: Respond = status(404)
  requests: IncomingMessage[] = []
  /** Of the last loader. */
  clock = new FakeClock()
  readonly opened: ListLoader[] = []
  readonly #servers: Server[] = []

  get server(): Server {
    return this.#servers[0]!
  }

  async open(): Promise<void> {
    this.stateFolder = mkdtempSync(join(tmpdir(), 'list-state-'))
    this.requests = []
    this.answer = text('a.example\nb.example\n')
    const server = await this.serve((request, response) => {
      this.requests.push(request)
      this.answer(request, response)
    })
    this.base = urlOf(server)
  }

  async close(): Promise<void> {
    for (const loader of this.opened.splice(0)) await loader.close()
    for (const server of this.#servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
    rmSync(this.stateFolder, { recursive: true, force: true })
  }

  /** One more server. */
  async serve(respond: Respond): Promise<Server> {
    const server = createServer(respond)
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return server
  }

  /** A list from the server's /list.txt. */
  subscription(more: Partial<ListDefinition> = {}, proxy?: string): ListDefinition {
    const source = { kind: 'url', url: `${this.base}/list.txt`, proxy } as const
    return listDefinition('sub', source, { refreshIntervalMs: 3_600_000, ...more })
  }

  loaderOf(lists: ListDefinition | ListDefinition[], config: Partial<ListLoaderConfig> = {}): ListLoader {
    this.clock = new FakeClock()
    const loader = new ListLoader(
      { lists: [lists].flat(), stateFolder: this.stateFolder, watch: false, ...config },
      { clock: this.clock, log: silentLog, random: () => 0.5 },
    )
    this.opened.push(loader)
    return loader
  }
}

export function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function text(body: string | Uint8Array, headers: Record<string, string> = {}): Respond {
  return (_request, response) => response.writeHead(200, headers).end(body)
}

export function status(code: number, headers: Record<string, string> = {}): Respond {
  return (_request, response) => response.writeHead(code, headers).end()
}

export const V1 = { etag: '"v1"' }

/** "Not modified" to a client that has version 1. */
export function unlessKnown(body: string): Respond {
  return (request, response) =>
    request.headers['if-none-match'] === V1.etag ? status(304)(request, response) : text(body, V1)(request, response)
}

export function covers({ matcher }: LoadedLists, name: string): boolean {
  return matcher.match(textToName(name)!, 0) !== NO_MATCH
}

export const only = ({ lists }: LoadedLists) => lists[0]!
