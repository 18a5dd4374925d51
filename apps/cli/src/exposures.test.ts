import { loadConfig } from '@dnstap-bgp/config'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { exposures } from './exposures.ts'

const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-exposures-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'a.toml')

function warningsOf(text: string, mode = 0o640, environment = {}): string[] {
  writeFileSync(file, text)
  chmodSync(file, mode)
  return exposures(loadConfig(file, environment), ['alone'])
}

const GATEWAY = '[syncer]\nlisten = ":8080"\npeers = ["192.0.2.7:8080"]\n'

test('a gateway that asks for no token is a warning; with a token, without a gateway, and for another program it is none', () => {
  expect(warningsOf(GATEWAY)).toEqual([expect.stringMatching(/^the sync gateway asks for no token: .* set syncer\.token/)])
  expect(warningsOf(`${GATEWAY}token = "t"\n`)).toEqual([])
  expect(warningsOf('[syncer]\npeers = ["192.0.2.7:8080"]\n')).toEqual([])
  expect(exposures(loadConfig(file, {}), ['bgp', 'nats'])).toEqual([])
})

test.each([
  ['admin.token', '[admin]\ntoken = "t"\n'],
  ['a BGP password', '[bgp]\nas = 64512\nrouterID = "192.0.2.1"\n[[bgp.peer]]\naddress = "192.0.2.2"\npassword = "p"\n'],
  ['a bearer token of a list', '[[list]]\nname = "a"\nsource = "https://example.org/"\nbearerToken = "t"\n'],
])('a configuration with %s that every local user may read is a warning', (_what, text) => {
  expect(warningsOf(text, 0o644)).toEqual([`${file} holds a secret and every local user may read it: chmod 640 ${file}`])
  expect(warningsOf(text, 0o640)).toEqual([])
})

test('without a secret in it a configuration may be read by all, but not written', () => {
  expect(warningsOf('', 0o644)).toEqual([])
  expect(warningsOf('', 0o644, { DNSTAP_BGP_ADMIN_TOKEN: 't' })).toEqual([])
  expect(warningsOf('', 0o646)).toEqual([`every local user may write ${file}: chmod 640 ${file}`])
})

test('files with secrets that the configuration names are checked too: tokens, credentials, private keys', () => {
  const names = ['token', 'creds', 'key.pem', 'cert.pem']
  for (const name of names) {
    writeFileSync(join(folder, name), 'x\n')
    chmodSync(join(folder, name), 0o644)
  }
  const text =
    '[admin]\ntokenFile = "token"\n[bus]\nservers = "a"\ncredsFile = "creds"\n[bus.tls]\ncert = "cert.pem"\nkey = "key.pem"\n'
  expect(
    warningsOf(text, 0o644)
      .map((warning) => /\/([\w.]+) holds a secret/.exec(warning)?.[1])
      .sort(),
  ).toEqual(['creds', 'key.pem', 'token'])
})
