import { parseConfig } from '@dnstap-bgp/config'
import { expect, test } from 'vitest'
import { guide } from './guide.ts'

const config = parseConfig('domains = "d.txt"\n[bgp]\nas = 64512\nrouterID = "192.0.2.1"\npeers = []\n', 'own.toml', {})
const facts = { config, names: 4, socketPath: '/run/tap.sock', tcp: undefined }

test('who starts it for the first time is told what to paste into the resolver', () => {
  const text = guide({ ...facts, hasLearnt: false })
  expect(text).toContain('dnstap-socket-path: "/run/tap.sock"')
  expect(text).toContain('dnstap-output unix "/run/tap.sock"')
  expect(text).toContain('BGP peers  none yet: add them under [bgp] in own.toml')
})

test('who has learnt from a resolver before is told where we listen, and no more of resolvers', () => {
  const text = guide({ ...facts, hasLearnt: true })
  expect(text).toContain('dnstap     /run/tap.sock')
  expect(text).not.toMatch(/Unbound|BIND|dnsdist/)
  expect(text).toContain('docs/resolvers.md')
})
