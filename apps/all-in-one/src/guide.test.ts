import { parseConfig } from '@dnstap-bgp/config'
import { expect, test } from 'vitest'
import { guide } from './guide.ts'

const config = parseConfig('domains = "d.txt"\n[bgp]\nas = 64512\nrouterID = "192.0.2.1"\npeers = []\n', 'own.toml', {})
const facts = { config, names: 4, socketPath: '/run/tap.sock', tcp: undefined }

test('a first start tells the operator what to paste into the resolver', () => {
  const text = guide({ ...facts, hasLearnt: false })
  expect(text).toContain('dnstap-socket-path: "/run/tap.sock"')
  expect(text).toContain('dnstap-output unix "/run/tap.sock"')
  expect(text).toContain('BGP peers  none yet: add them under [bgp] in own.toml')
})

test('a later start tells where we listen, and nothing about resolvers', () => {
  const text = guide({ ...facts, hasLearnt: true })
  expect(text).toContain('dnstap     /run/tap.sock')
  expect(text).not.toMatch(/Unbound|BIND|dnsdist/)
  expect(text).toContain('docs/resolvers.md')
})
