/** `check --list` and the lines that `match` names, as a user runs them. */
import { runToEnd } from '@dnstap-bgp/testkit'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const CAPTURE = fileURLToPath(new URL('../../../libs/dns/dnstap/fixtures/unbound.fstrm', import.meta.url))
const LIST = '# ours\nlab\nexample.com\nbad..name\nhttp://x/y\n16.0.0.0/5\n192.0.2.0/24\n'

let folder: string
let server: Server
const at = (name: string) => join(folder, name)
const cli = (...args: string[]) => runToEnd('cli', args, { env: { TMPDIR: at('tmp') } })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-check-list-'))
  mkdirSync(at('tmp'))
  writeFileSync(at('list.txt'), LIST)
  writeFileSync(at('ours.txt'), 'example.com\n')
  writeFileSync(at('test.toml'), '[[list]]\nname = "ours"\nsource = "ours.txt"\n')
  server = createServer((_request, response) => response.end(LIST))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

test('a file is tried without a configuration: format, counts, what is skipped, the widest rules', async () => {
  const { code, output } = await cli('check', '--list', at('list.txt'), '--config', at('none.toml'))
  expect(output).toContain('format: plain (recognised by its content)')
  expect(output).toContain('names: 2\nrules: 2')
  expect(output).toMatch(/first skipped:\n {2}4: empty-label: bad\.\.name\n {2}5: url: http:\/\/x\/y\n/)
  expect(output).toMatch(/missing rules: 16\.0\.0\.0\/5 is not routed/)
  expect(output).toMatch(/widest rules:\n {2}lab \(line 2\)\n {2}example\.com \(line 3\)/)
  expect(code).toBe(1) // something is missing
  expect(readdirSync(at('tmp'))).toEqual([])
})

test('a URL is tried the same way, beside a configuration and a capture', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/list.txt`
  const { output } = await cli('check', '--list', url, '--config', at('test.toml'), '--capture', CAPTURE)
  expect(output).toMatch(/also on list "ours": example\.com/)
  expect(output).toMatch(/of the \d+ names most looked up in the capture: lab catches \d+: /)
  expect(output).toMatch(/widest rules:\n {2}lab \(line 2\)/)
  expect(readdirSync(at('tmp'))).toEqual([])
})

test('a file that is no list, and an unknown format, are one sentence each', async () => {
  const missing = await cli('check', '--list', at('nowhere.txt'), '--config', at('none.toml'))
  expect(missing).toMatchObject({ code: 1, output: expect.stringContaining('nowhere.txt: there is no such file') as string })
  const format = await cli('check', '--list', at('list.txt'), '--format', 'nonsense', '--config', at('none.toml'))
  expect(format).toMatchObject({ code: 2, output: expect.stringContaining('There is no list format "nonsense"') as string })
  expect((await cli('check', '--format', 'plain')).code).toBe(2)
})

test('match names the line of the file that decided', async () => {
  const { output } = await cli('match', 'www.example.com', '--config', at('test.toml'))
  expect(output).toContain(`  example.com of ours: ${at('ours.txt')}:1\n`)
})
