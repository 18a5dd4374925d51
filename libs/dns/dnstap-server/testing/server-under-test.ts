/** A dnstap server in a folder of its own, for the tests of one file: importing this makes it anew before each test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ListenAddress } from '@dnstap-bgp/net'
import { silentLog, type Log } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { afterEach, beforeEach } from 'vitest'
import type { DnstapConnection } from '../src/connection.ts'
import type { CloseReason } from '../src/server-counters.ts'
import { startDnstapServer, type DnstapServer, type DnstapServerOptions } from '../src/server.ts'
import { optionsFor } from './options.ts'
import { Sender } from './sender.ts'

export let folder: string
export let path: string
export let clock: FakeClock
export let frames: string[]
export let ends: string[]
export let lines: { level: string; fields: Record<string, unknown>; sentence: string }[]
export const open: { close(): unknown }[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-server-'))
  path = join(folder, 'dnstap.sock')
  clock = new FakeClock()
  frames = []
  ends = []
  lines = []
})

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
  rmSync(folder, { recursive: true, force: true })
})

export const handler = {
  onFrame(connection: DnstapConnection, bytes: Uint8Array, start: number, end: number) {
    frames.push(Buffer.from(bytes.subarray(start, end)).toString('latin1'))
    connection.identity = 'test'
  },
  onClosed(_connection: DnstapConnection, reason: CloseReason) {
    ends.push(reason)
  },
}

export const log: Log = {
  ...silentLog,
  info: (fields, sentence) => lines.push({ level: 'info', fields: { ...fields }, sentence }),
  warn: (fields, sentence) => lines.push({ level: 'warn', fields: { ...fields }, sentence }),
}

export async function start(options: Partial<DnstapServerOptions> = {}): Promise<DnstapServer> {
  const server = await startDnstapServer({ ...optionsFor({ kind: 'unix', path }), ...options }, { clock, log, handler })
  open.push(server)
  return server
}

export function sender(address: ListenAddress = { kind: 'unix', path }): Sender {
  const one = Sender.to(address)
  open.push({ close: () => one.socket.destroy() })
  return one
}

export const LOOPBACK: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 }
