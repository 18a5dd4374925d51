/** A look by a command leaves nothing behind. */
import { parseConfig } from '@dnstap-bgp/config'
import { silentLog, StoppedError, systemClock } from '@dnstap-bgp/runtime'
import { waitFor } from '@dnstap-bgp/testkit'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { startLists } from './start-lists.ts'

test('a look that is given up while a list is downloaded removes what was downloaded', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lists-look-'))
  vi.stubEnv('TMPDIR', folder)
  const server = createServer((_request, response) => response.write('a.example\n')) // and then nothing more
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const config = parseConfig(`[[list]]\nname = "sub"\nsource = "${url}"\n`, 'test.toml', {})
    const stop = new AbortController()
    const look = { askUrls: true, stop: stop.signal }
    const looking = startLists(config, { clock: systemClock, log: silentLog, look })
    const ended = expect(looking).rejects.toThrow(StoppedError)
    await waitFor(() => readdirSync(folder, { recursive: true }).length === 2, {
      what: 'a folder with a file',
      timeoutMs: 60_000,
    })
    stop.abort()
    await ended
    expect(readdirSync(folder)).toEqual([])
  } finally {
    vi.unstubAllEnvs()
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
