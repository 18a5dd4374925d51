/** Where a list server may send us, and where not. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { receive } from './download.ts'
import { DOWNLOAD_LIMITS } from './loader-config.ts'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'list-redirects-'))
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  rmSync(folder, { recursive: true, force: true })
})

async function serve(host: string, listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return (server.address() as AddressInfo).port
}

const ask = (url: string) =>
  receive(
    {
      ...{ url, proxy: undefined, bearerToken: undefined, login: undefined, proxyLogin: undefined },
      ...{ etag: undefined, lastModified: undefined, folder, maxBytes: 1000, limits: DOWNLOAD_LIMITS },
    },
    new AbortController().signal,
  )

/** An address of this machine that is neither loopback nor link-local, as a list server out there has. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ address, family, internal }) => !internal && family === 'IPv4' && !address.startsWith('169.254.'))?.address

test.skipIf(outside === undefined).each([
  ['its address', (port: number) => `127.0.0.1:${port}`],
  ['another way to write the address', (port: number) => `0x7f.1:${port}`],
  ['its address, IPv4-mapped', (port: number) => `[::ffff:127.0.0.1]:${port}`],
  ['a name', (port: number) => `localhost:${port}`],
])('a redirect from elsewhere does not lead into this machine by %s', async (_what, host) => {
  const asked: unknown[] = []
  const secret = await serve('127.0.0.1', (request, response) => {
    asked.push(request.url)
    response.end('a.example\n')
  })
  const port = await serve('0.0.0.0', (_request, response) =>
    response.writeHead(302, { location: `http://${host(secret)}/api/status` }).end(),
  )
  const received = await ask(`http://${outside ?? ''}:${port}/`)
  expect(received).toMatchObject({ outcome: 'failed' })
  expect('why' in received && received.why).toMatch(/^it redirects to .+, which is this machine or its link$/)
  expect(asked).toEqual([])
  expect(readdirSync(folder)).toEqual([])
})

test('a redirect from this machine to this machine is followed: the operator said so', async () => {
  const port = await serve('127.0.0.1', (_request, response) => response.end('a.example\n'))
  const first = await serve('127.0.0.1', (_request, response) =>
    response.writeHead(302, { location: `http://localhost:${port}/` }).end(),
  )
  expect(await ask(`http://127.0.0.1:${first}/`)).toMatchObject({ outcome: 'fetched' })
})
