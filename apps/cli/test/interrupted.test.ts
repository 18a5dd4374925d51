/** A command that is ended by a signal leaves no temporary files. */
import { bundleOf, waitFor } from '@dnstap-bgp/testkit'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const BGP = '[bgp]\nas = 64512\nrouterID = "192.0.2.1"\nnextHop = "192.0.2.9"\npeers = []\n'

test.each(['SIGTERM', 'SIGINT'] as const)('check removes what it downloaded when %s ends it', async (signal) => {
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-interrupted-'))
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary)
  const server = createServer((_request, response) => response.write('a.example\n')) // and then nothing more
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const config = join(folder, 'test.toml')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  writeFileSync(config, `[[list]]\nname = "sub"\nsource = "${url}"\n[dnstap]\nlisten = "./tap.sock"\n${BGP}`)
  const env = { ...process.env, TMPDIR: temporary }
  const child = spawn(process.execPath, [bundleOf('cli'), 'check', '--config', config], { env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  try {
    const files = () => readdirSync(temporary, { recursive: true }).length
    await waitFor(() => files() === 2, { what: () => `a download; the command said: ${output}`, timeoutMs: 40_000 })
    const ended = new Promise<unknown>((resolve) => child.once('exit', (_code, by) => resolve(by)))
    child.kill(signal)
    expect(await ended).toBe(signal)
    expect(files()).toBe(0)
  } finally {
    child.kill('SIGKILL')
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
