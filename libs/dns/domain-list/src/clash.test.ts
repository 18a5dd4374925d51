import { expect, test } from 'vitest'
import { collect, fixture, rulesOf } from '../test/collect.ts'

test('the fixture: YAML of all three behaviours', () => {
  expect(collect([fixture('clash.yaml')], 'clash').entries).toEqual([
    '5 exact exact.example',
    '6 exact double.example',
    '7 exact plain.example',
    '8 suffix both.example',
    '9 subdomains below.example',
    '10 wildcard *.one.example',
    '11 wildcard *.unquoted.example',
    '12 wildcard a.*.mid.example',
    '13 skip unsupported-pattern ad*.part.example',
    '14 skip too-broad *',
    '15 exact xn--e1afmkfd.xn--p1ai',
    '17 exact c-exact.example',
    '18 suffix c-suffix.example',
    '19 keyword word',
    '20 regexp ^ad[0-9]{1,3}\\.example$',
    '21 regexp ^.*\\.wild.\\.example$',
    '22 address 192.0.2.0/24',
    '23 address 2001:db8::/32',
    '24 skip unsupported-rule IP-CIDR,192.0.2.0/24,src',
    '25 skip unsupported-rule GEOIP,CN',
    '26 skip unsupported-rule PROCESS-NAME,curl',
    '27 skip unsupported-rule AND,((DOMAIN,x.example),(NETWORK,UDP))',
    '28 skip unsupported-rule MATCH',
    '30 address 198.51.100.0/24',
    '31 address 198.51.100.0/24',
    '33 skip bad-syntax   - &anchor anchored.example',
    '34 skip bad-syntax   - *anchor',
    '35 skip bad-syntax   - !!str tagged.example',
    '36 skip bad-syntax   - |',
    '37 skip bad-syntax   - { a: b }',
    '38 skip bad-syntax   - [ x ]',
    '39 skip bad-syntax   - key: value',
    "40 skip bad-syntax   - 'unclosed",
    '41 skip empty-name ',
  ])
})

test('the fixture: text', () => {
  expect(collect([fixture('clash.list')], 'clash').entries).toEqual([
    '2 suffix example.com',
    '3 exact exact.example',
    '4 keyword word',
    '5 suffix both.example',
    '6 address 192.0.2.0/24',
  ])
})

test.each([
  ['payload: []', []],
  ['payload:', []],
  ['payload: [\'a.example\', "+.b.example", c.example] # x', ['exact a.example', 'suffix b.example', 'exact c.example']],
  ['payload: [a.example', ['skip bad-syntax payload: [a.example']],
  ['payload: |', ['skip bad-syntax payload: |']],
  ['payload:\n- a.example\n-b.example', ['exact a.example', 'skip bad-syntax -b.example']],
  ["payload:\n  - 'it''s.example'", ["skip bad-character it's.example"]],
  ['MATCH', ['skip unsupported-rule MATCH']],
  ['*.*', ['skip too-broad *.*']],
  ['.*.a.example', ['skip unsupported-pattern .*.a.example']],
  ['+.*.a.example', ['skip unsupported-pattern +.*.a.example']],
  ['a+b.example', ['skip bad-character a+b.example']],
  ['DOMAIN-WILDCARD,*', ['skip too-broad DOMAIN-WILDCARD,*']],
  ['DOMAIN-REGEX,^a{1,2}$', ['regexp ^a{1,2}$']],
  ['DOMAIN-SUFFIX', ['exact domain-suffix']],
  ['DOMAIN-SUFFIX,', ['skip empty-name ']],
  ['2001:db8::/32', ['address 2001:db8::/32']],
])('%j', (text, rules) => expect(rulesOf(text, 'clash')).toEqual(rules))

test('aliases that would unfold without end are single refused lines', () => {
  const bomb = `a: &a ["x"]\n${'bcdefgh'.replace(/./g, (name, i: number) => `${name}: &${name} [*${'abcdefgh'[i]},*${'abcdefgh'[i]}]\n`)}payload:\n  - *h`
  expect(rulesOf(bomb, 'clash')).toEqual(['skip bad-syntax   - *h'])
})
