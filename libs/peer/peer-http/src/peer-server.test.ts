import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import type { PeerEntry } from '@dnstap-bgp/peer-sync'
import { silentLog } from '@dnstap-bgp/runtime'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { hostname } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { startPeerServer } from './peer-server.ts'
import type { PeerServer, PeerServerConfig, PeerServerDeps } from './peer-server.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const ENTRIES: readonly PeerEntry[] = [
  { address: '203.0.113.1', name: 'listed.test', seenAtMs: Date.parse('2026-11-23T01:13:09.733Z') },
  { address: '2001:db8:2::1', name: 'listed.test', seenAtMs: Date.parse('2026-11-23T01:13:09.234Z') },
]
const LISTED = '{"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T01:13:08.73332502Z"}'

async function* parts(...given: readonly (readonly PeerEntry[])[]) {
  for (const part of given) yield await Promise.resolve(part)
}

async function start(config: Partial<PeerServerConfig> = {}, deps: Partial<PeerServerDeps> = {}) {
  const accepted: [entry: PeerEntry, from: string][] = []
  const clock = new FakeClock()
  const server = await startPeerServer(
    {
      listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      peers: ['127.0.0.1'],
      allow: [],
      names: [],
      token: undefined,
      ...config,
    },
    {
      entries: () => parts(ENTRIES),
      accept: (entries, from) => {
        for (const entry of entries) accepted.push([entry, from])
        return Promise.resolve(entries.map(() => undefined))
      },
      clock,
      log: silentLog,
      ...deps,
    },
  )
  closers.push(() => server.close())
  return { server, accepted, clock }
}

function open(server: PeerServer, from = '127.0.0.1'): Socket {
  const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: from })
  closers.push(() => socket.destroy())
  return socket
}

/** Sends bytes and gives everything that comes back until the other side closes. */
function exchange(server: PeerServer, bytes: string, from?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = open(server, from)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
    socket.write(bytes)
  })
}

/** As the ancestor's client writes it; and the connection closed after it, so that exchange() ends. */
const goPut = (body: string, more = '') =>
  `PUT /put HTTP/1.1\r\nHost: 192.0.2.7:8080\r\nUser-Agent: Go-http-client/1.1\r\nTransfer-Encoding: chunked\r\nAccept-Encoding: gzip\r\nConnection: close\r\n${more}\r\n` +
  (body === '' ? '' : `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`) +
  '0\r\n\r\n'
const goGet = (path: string, method = 'GET', more = '') =>
  `${method} ${path} HTTP/1.1\r\nHost: 192.0.2.7:8080\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\nConnection: close\r\n${more}\r\n`

const withoutDate = (answer: string) => answer.replace(/Date: [^\r]*\r\n/, '')

describe('GET /fetch', () => {
  test("answers in the ancestor's bytes", async () => {
    const { server } = await start()
    const body =
      '[{"IP":"203.0.113.1","Domain":"listed.test","TS":"2026-11-23T01:13:09.733Z"},{"IP":"2001:db8:2::1","Domain":"listed.test","TS":"2026-11-23T01:13:09.234Z"}]\n'
    expect(withoutDate(await exchange(server, goGet('/fetch')))).toBe(
      `HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    )
  })

  test('is "null" when there is nothing', async () => {
    const { server } = await start({}, { entries: () => parts([], []) })
    expect(withoutDate(await exchange(server, goGet('/fetch')))).toBe(
      'HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\nConnection: close\r\n\r\nnull\n',
    )
  })

  test('is chunked when it is large, and whole', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => ({ address: '203.0.113.1', name: `n${index}.test`, seenAtMs: index }))
    const { server } = await start({}, { entries: () => parts(many, many) })
    const answer = await exchange(server, goGet('/fetch'))
    expect(answer).toContain('Transfer-Encoding: chunked')
    const body = answer.slice(answer.indexOf('\r\n\r\n') + 4).replaceAll(/\r?\n?[0-9a-f]+\r\n/g, '')
    expect(JSON.parse(body)).toHaveLength(10_000)
  })

  test.each(['POST', 'PUT', 'HEAD', 'DELETE'])('%s is 400 with an empty body, as in the ancestor', async (method) => {
    const { server } = await start()
    expect(withoutDate(await exchange(server, goGet('/fetch', method, method === 'GET' ? '' : 'Content-Length: 0\r\n')))).toBe(
      'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    )
  })

  test('a store that fails is 503 before the first octet, and a cut answer after it', async () => {
    async function* fails(after: readonly PeerEntry[]) {
      if (after.length > 0) yield await Promise.resolve(after)
      throw new Error('the store is away')
    }
    const { server } = await start({}, { entries: () => fails([]) })
    expect(await exchange(server, goGet('/fetch'))).toMatch(
      /^HTTP\/1\.1 503 [^]*\r\n\r\nUnavailable: our entries cannot be read now$/,
    )
    const many = Array.from({ length: 3000 }, (_, index) => ({ address: '203.0.113.1', name: `n${index}.test`, seenAtMs: index }))
    const cut = (await start({}, { entries: () => fails(many) })).server
    expect(await exchange(cut, goGet('/fetch')).catch(() => '')).not.toMatch(/0\r\n\r\n$/)
  })

  test('a reader that stands still is cut, and gives its place to others', async () => {
    const part = Array.from({ length: 1000 }, (_, index) => ({ address: '203.0.113.1', name: `n${index}.test`, seenAtMs: index }))
    let given = 0
    let ended = 0
    async function* endless() {
      try {
        for (;;) {
          given++
          yield await Promise.resolve(part)
        }
      } finally {
        ended++
      }
    }
    const { server, clock } = await start({}, { entries: () => endless() })
    for (let reader = 0; reader < 8; reader++) open(server).write(goGet('/fetch'))
    await waitFor(() => server.counts.fetches === 8, { what: 'eight fetches' })
    expect(await exchange(server, goGet('/fetch'))).toContain('503 Service Unavailable')
    let before = -1
    await waitFor(() => given === before || ((before = given), false), { what: 'the writers to stand still', intervalMs: 100 })
    clock.advance(120_000)
    await waitFor(() => ended === 8, { what: 'the readers to be cut' })
  })
})

test('while the cache is away, asking peers get 503 and the log a few lines, none of them as a fault of ours', async () => {
  const lines: [level: string, fields: object][] = []
  const note = (level: string) => (fields: object) => void lines.push([level, fields])
  const log = { ...silentLog, info: note('info'), warn: note('warn'), error: note('error') }
  const away = new Error('nobody serves bindings')
  const { server } = await start(
    {},
    {
      log,
      entries: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(away) }) }),
    },
  )
  for (let asked = 0; asked < 15; asked++) expect(await exchange(server, goGet('/fetch'))).toContain('503 Service Unavailable')
  expect(lines).toHaveLength(10)
  for (const line of lines) expect(line).toEqual(['warn', { syncPeer: '127.0.0.1', path: '/fetch', error: away }])
})

test('a peer whose name cannot be looked up yet does not delay the start', async () => {
  const { server } = await start(
    { peers: ['other.example.org'], allow: ['127.0.1.0/24'] },
    { resolve: () => new Promise<never>(() => {}) },
  )
  expect(await exchange(server, goGet('/fetch'), '127.0.1.7')).toContain('200 OK')
})

describe('PUT /put', () => {
  test("the ancestor's bytes are taken and answered as it does", async () => {
    const { server, accepted } = await start()
    expect(withoutDate(await exchange(server, goPut(LISTED)))).toBe(
      'HTTP/1.1 200 OK\r\nDnstap-Bgp-Batch: 1000\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    )
    expect(accepted).toEqual([
      [{ address: '203.0.113.1', name: 'listed.test', seenAtMs: Date.parse('2026-11-23T01:13:08.733Z') }, '127.0.0.1'],
    ])
  })

  test('any method is taken, and octets after the value are ignored', async () => {
    const { server, accepted } = await start()
    expect(await exchange(server, goPut(`${LISTED}garbage`).replace('PUT', 'POST'))).toContain('200 OK')
    expect(await exchange(server, goGet('/put', 'GET', `Content-Length: ${LISTED.length}\r\n`) + LISTED)).toContain('200 OK')
    expect(accepted).toHaveLength(2)
  })

  test.each([
    ['{"IP":"not-an-ip","Domain":"a"}', 'Bad request: invalid IP address: not-an-ip'],
    ['{"IP":"192.0.2.1"', 'Bad request: unexpected EOF'],
    ['garbage', "Bad request: invalid character 'g' looking for beginning of value"],
    ['{"IP":5}', 'Bad request: json: cannot unmarshal number into Go struct field cacheEntry.IP of type net.IP'],
    ['', 'Bad request: missing IP address'],
    ['{}', 'Bad request: missing IP address'],
    ['null', 'Bad request: missing IP address'],
  ])('%o is 400, in the words of the ancestor and without a line end', async (body, text) => {
    const { server, accepted } = await start()
    expect(withoutDate(await exchange(server, goPut(body)))).toBe(
      `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    )
    expect(accepted).toEqual([])
    expect(server.counts.malformed).toBe(1)
  })

  test('an unwanted entry is 200 with the reason: anything else would make the ancestor skip its other peers', async () => {
    const { server } = await start({}, { accept: (entries) => Promise.resolve(entries.map(() => 'other.test is on no list')) })
    expect(await exchange(server, goPut(LISTED))).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nIgnored: other\.test is on no list$/)
    expect(server.counts).toMatchObject({ entriesUnwanted: 1, entriesTaken: 0 })
  })

  test('when nothing can be taken now it is 503, so that the peer tries again', async () => {
    const { server } = await start({}, { accept: () => Promise.reject(new Error('the bus is away')) })
    expect(await exchange(server, goPut(LISTED))).toMatch(/^HTTP\/1\.1 503 [^]*Unavailable: nothing can be taken now$/)
  })

  test('a batch is taken entry by entry', async () => {
    const { server, accepted } = await start()
    const answer = await exchange(server, goPut(`${LISTED}\n{"IP":"x"}\n${LISTED}\n`, 'Content-Type: application/x-ndjson\r\n'))
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[^]*Ignored 1 of 3: invalid IP address: x$/)
    expect(accepted).toHaveLength(2)
  })

  test.each([
    ['one value', 'x'.repeat(1_100_000), ''],
    ['a batch in octets', `{"IP":"x"}\n`.repeat(110_000), 'Content-Type: application/x-ndjson\r\n'],
    ['a batch in entries', `${LISTED}\n`.repeat(1001), 'Content-Type: application/x-ndjson\r\n'],
  ])('%s that is too long is refused before it is read', async (_what, body, more) => {
    const { server, accepted } = await start()
    expect(await exchange(server, goPut(body, more))).toMatch(/^HTTP\/1\.1 4(00|13) /)
    expect(accepted).toEqual([])
  })

  test('other paths are 404 as in Go', async () => {
    const { server } = await start()
    for (const path of ['/', '/fetch/', '/FETCH', '/put/x', '//put'])
      expect(await exchange(server, goGet(path))).toMatch(/^HTTP\/1\.1 404 [^]*404 page not found\n$/)
  })
})

describe('who may talk', () => {
  test('an address that is no peer gets 403 with the reason, whatever it asks', async () => {
    const { server, accepted } = await start({ peers: ['127.0.0.2'] })
    for (const request of [goGet('/fetch'), goPut(LISTED), goGet('/x')])
      expect(await exchange(server, request)).toMatch(
        /^HTTP\/1\.1 403 Forbidden[^]*Forbidden: 127\.0\.0\.1 is not among the peers/,
      )
    expect(await exchange(server, goPut(LISTED), '127.0.0.2')).toContain('200 OK')
    expect(accepted).toHaveLength(1)
    expect(server.counts.forbidden).toBe(3)
  })

  test('prefixes of the operator count, and so do the addresses of a peer given by name', async () => {
    const { server } = await start(
      { peers: ['other.example.org'], allow: ['127.0.1.0/24'] },
      { resolve: () => Promise.resolve(['::ffff:127.0.0.9', '2001:db8::1']) },
    )
    expect(await exchange(server, goGet('/fetch'), '127.0.1.7')).toContain('200 OK') // by now the name was looked up
    expect(await exchange(server, goGet('/fetch'), '127.0.0.9')).toContain('200 OK')
    expect(await exchange(server, goGet('/fetch'), '127.0.2.1')).toContain('403 Forbidden')
  })

  test("a header cannot lend a peer's address", async () => {
    const { server } = await start({ peers: ['192.0.2.1'] })
    expect(
      await exchange(server, goGet('/fetch', 'GET', 'X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n')),
    ).toContain('403 Forbidden')
  })

  test.each([
    ['Origin', 'Origin: http://evil.example\r\n'],
    ['Origin null', 'Origin: null\r\n'],
    ['Origin of our own', 'Origin: http://192.0.2.7:8080\r\n'],
    ['Sec-Fetch-Site', 'Sec-Fetch-Site: none\r\n'],
    ['Sec-Fetch-Mode', 'sec-fetch-mode: no-cors\r\n'],
    ['Sec-Fetch-Dest', 'SEC-FETCH-DEST: empty\r\n'],
  ])(
    'a request with %s is a web page that drives a browser at an allowed address: 403, with a token or without',
    async (_, header) => {
      const token = { reveal: () => 'sesame' }
      for (const more of [{}, { token }]) {
        const { server, accepted } = await start(more)
        for (const request of [
          goPut(LISTED, header),
          goPut(LISTED, header).replace('PUT', 'POST'),
          goGet('/fetch', 'GET', header),
        ])
          expect(await exchange(server, request)).toMatch(/^HTTP\/1\.1 403 [^]*Forbidden: requests of web pages are refused/)
        expect(accepted).toEqual([])
        expect(server.counts.forbidden).toBe(3)
      }
    },
  )

  const toHost = (host: string, more = '') => goGet('/fetch', 'GET', more).replace('192.0.2.7:8080', host)

  test('a name that is not ours gets 403 (DNS rebinding), one of syncer.names and an address do not', async () => {
    const lines: string[] = []
    const log = { ...silentLog, warn: (fields: object) => void lines.push(JSON.stringify(fields)) }
    const { server, accepted } = await start({ names: ['Site-A.example'] }, { log })
    for (const host of [
      'evil.example',
      'evil.example:8080',
      'site-a.example.evil.example',
      '192.0.2.7.evil.example',
      '1.2.3.4.5',
    ])
      expect(await exchange(server, toHost(host))).toMatch(
        /^HTTP\/1\.1 403 [^]*Forbidden: [\w.-]+ is not a name of this gateway \(add it to syncer\.names, or set syncer\.token\)$/,
      )
    expect(await exchange(server, goPut(LISTED).replace('192.0.2.7:8080', 'evil.example'))).toContain('403 Forbidden')
    expect(accepted).toEqual([])
    expect(lines[0]).toContain('evil.example is not a name of this gateway')
    for (const host of [
      'site-a.example',
      'SITE-A.EXAMPLE.:8080',
      '[2001:db8::1]:8080',
      '192.0.2.7',
      'sync-gateway:8080',
      'localhost',
    ])
      expect(await exchange(server, toHost(host))).toContain('200 OK')
    expect(await exchange(server, toHost(hostname()))).toContain('200 OK')
    expect(await exchange(server, 'GET /fetch HTTP/1.0\r\n\r\n')).toContain('200 OK')
  })

  test('with a token any Host is taken: no web page knows the token', async () => {
    const { server } = await start({ token: { reveal: () => 'sesame' } })
    expect(await exchange(server, toHost('proxy.example', 'Authorization: Bearer sesame\r\n'))).toContain('200 OK')
  })

  test('with a token, a peer without it gets 401', async () => {
    const { server } = await start({ token: { reveal: () => 'sesame' } })
    expect(await exchange(server, goGet('/fetch'))).toMatch(/^HTTP\/1\.1 401 [^]*a bearer token is needed/)
    expect(await exchange(server, goGet('/fetch', 'GET', 'Authorization: Bearer open\r\n'))).toMatch(
      /^HTTP\/1\.1 401 [^]*the bearer token is wrong/,
    )
    expect(await exchange(server, goGet('/fetch', 'GET', 'Authorization: Bearer sesame\r\n'))).toContain('200 OK')
    expect(server.counts.unauthorized).toBe(2)
  })

  test('strangers who only hold connections open leave room for peers', async () => {
    const { server } = await start({ peers: ['127.0.0.2'] })
    let closed = 0
    for (let stranger = 0; stranger < 64; stranger++) {
      const socket = open(server)
      socket.on('error', () => {})
      socket.on('close', () => closed++)
      socket.resume()
    }
    await waitFor(() => closed === 32, { what: 'half of the strangers to be turned away' })
    expect(await exchange(server, goGet('/fetch'), '127.0.0.2')).toContain('200 OK')
  })
})

test('bytes that are no HTTP, and bodies that end in the middle, hurt nobody', async () => {
  const { server, accepted } = await start()
  const broken = [
    '\0\0\0',
    'PUT /put HTTP/1.1\r\n\r\n\r\n',
    goPut(LISTED).slice(0, 230),
    'PUT /put HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{"IP"',
    'PUT /put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  ]
  for (const bytes of broken) {
    await new Promise<void>((resolve) => {
      const socket = open(server)
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      socket.resume()
      socket.end(bytes)
    })
  }
  expect(accepted).toEqual([])
  expect(await exchange(server, goPut(LISTED))).toContain('200 OK')
})

test('a slow reader keeps its fetch as long as it goes on reading', async () => {
  const part = Array.from({ length: 1000 }, (_, index) => ({ address: '203.0.113.1', name: `n${index}.test`, seenAtMs: index }))
  const { server, clock } = await start(
    {},
    {
      entries: async function* () {
        for (let count = 0; count < 60; count++) {
          clock.advance(9000)
          yield await Promise.resolve(part)
        }
      },
    },
  )
  expect(await exchange(server, goGet('/fetch'))).toMatch(/\]\n\r\n0\r\n\r\n$/)
})

test('a port that is taken is one sentence', async () => {
  const { server } = await start()
  await expect(start({ listen: { kind: 'tcp', host: '127.0.0.1', port: server.port } })).rejects.toThrow(
    `the gateway ([syncer] listen) cannot listen on 127.0.0.1:${server.port}: another process listens there`,
  )
})
