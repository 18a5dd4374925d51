import { ADMIN_API, AdminHandlers } from '@dnstap-bgp/admin-api'
import { silentLog } from '@dnstap-bgp/runtime'
import { Health, Metrics } from '@dnstap-bgp/telemetry'
import { askAdmin } from '@dnstap-bgp/testkit'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openAdmin } from './open-admin.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function open(socket: { path: string; isDefault: boolean } | undefined) {
  const lines: string[] = []
  const log = { ...silentLog, warn: (_fields: object, sentence: string) => void lines.push(sentence) }
  // A port that was free a moment ago: openAdmin does not tell which one it took.
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  const health = new Health({ clock: { now: () => 0, monotonic: () => 0 }, log })
  const handlers = new AdminHandlers()
  handlers.add(ADMIN_API.syncPeers, () => [])
  handlers.add(ADMIN_API.backup, () => ({ path: 'x', bytes: 2 }))
  const deps = { health, metrics: new Metrics({ process: false }), log, handlers }
  const admin = await openAdmin({ listen: { kind: 'tcp', host: '127.0.0.1', port }, socket, token: undefined }, deps)
  closers.push(() => admin.close())
  return { tcp: `127.0.0.1:${port}`, lines }
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'dnstap-bgp-admin-'))
  closers.push(() => rmSync(made, { recursive: true, force: true }))
  return made
}

test('the port is for reading, the socket beside it for changing', async () => {
  const path = join(folder(), 'admin.sock')
  const { tcp, lines } = await open({ path, isDefault: true })
  expect((await askAdmin(tcp, 'GET', '/api/sync-peers')).status).toBe(200)
  expect((await askAdmin(tcp, 'POST', '/api/backup')).status).toBe(403)
  expect(await askAdmin(path, 'POST', '/api/backup')).toEqual({ status: 200, text: '{"path":"x","bytes":2}\n' })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(lines).toEqual([])
})

test('the default socket may be missing, and the log says what does not work then; one that was named must be there', async () => {
  const path = join(folder(), 'none', 'admin.sock')
  const { tcp, lines } = await open({ path, isDefault: true })
  expect((await askAdmin(tcp, 'GET', '/api/sync-peers')).status).toBe(200)
  expect(lines).toEqual([expect.stringMatching(/cannot listen on .*admin\.sock: .*admin\.socket names another path\.$/)])
  await expect(open({ path, isDefault: false })).rejects.toThrow(/cannot listen on .*admin\.sock/)
})
