import { expect, test } from 'vitest'
import { collect, fixture, rulesOf } from '../test/collect.ts'

test('the fixture: static entries over wrapped lines', () => {
  expect(collect([fixture('routeros.rsc')], 'routeros').entries).toEqual([
    '4 skip unsupported-directive add name=bridge1',
    '6 skip unsupported-directive set allow-remote-requests=yes',
    '8 exact exact.example',
    '9 suffix suffix.example',
    '10 suffix wrapped.example',
    '13 exact quoted.example',
    '14 regexp (^|\\.)re[0-9]+\\.example$',
    '15 skip disabled add disabled=yes name=disabled.example',
    '16 skip no-name add address=192.0.2.1',
    '17 skip empty-label bad..example',
    '18 skip bad-syntax add name=unclosed.example comment="no end',
    '19 exact script.example',
    '20 skip unsupported-directive remove [find name=x]',
    '21 suffix path.example',
    '22 address 192.0.2.9/32',
    '23 exact other.example',
    '24 exact oneline.example',
    '25 exact last.example',
  ])
})

test.each([
  ['add name=a.example match-subdomain=no', ['exact a.example']],
  ['add match-subdomain=yes disabled=no name=A.Example.', ['suffix a.example']],
  ['add name="a\\\\.b"', ['exact a\\.b']],
  ['add regexp="a\\_b\\41"', ['regexp a bA']],
  ['add regexp=".*\\\\.a\\\\.example"', ['regexp .*\\.a\\.example']],
  ['add name=a.example comment="x\\\\"\nadd name=b.example', ['exact a.example', 'exact b.example']],
  ['add name=a.exa\\\n    mple comment="one \\\r\n    two"', ['exact a.example']],
  ['add name=a.example \\', ['exact a.example']],
  ['# comment \\\nadd name=a.example', ['exact a.example']],
  [
    '/ip dns static\nadd name=a.example\n/interface\nadd name=b.example',
    ['exact a.example', 'skip unsupported-directive add name=b.example'],
  ],
  ['add\tname=a.example', ['exact a.example']],
  ['add name=', ['skip no-name add name=']],
  ['add oops', ['skip bad-syntax add oops']],
])('%j', (text, rules) => expect(rulesOf(text, 'routeros')).toEqual(rules))

test('a command continued without end is skipped at the limit', () => {
  const text = `add name=a.example comment="${'x\\\n'.repeat(100_000)}"\nadd name=b.example`
  expect(rulesOf(text, 'routeros')).toEqual([expect.stringMatching(/^skip line-too-long add name=a.example/), 'exact b.example'])
})
