import { describe, expect, test } from 'vitest'
import { collect, fixture, rulesOf } from '../test/collect.ts'

test('the fixture: triggers by name, relative to the zone, with their actions', () => {
  expect(collect([fixture('rpz.zone')], 'rpz').entries).toEqual([
    '8 exact nx.example',
    '9 subdomains nx.example',
    '10 exact nodata.example',
    '11 exact in2.example',
    '12 @@exact pass.example',
    '13 @@subdomains pass.example',
    '14 @@exact old.example',
    '15 exact drop.example',
    '16 skip rpz-action tcp.example rpz-tcp-only.',
    '16 encloser tcp.example',
    '17 skip rpz-action future.example rpz-something.',
    '17 encloser future.example',
    '18 exact walled.example',
    '21 exact walled2.example',
    '22 skip rpz-trigger 32.1.2.0.192.rpz-ip',
    '23 skip rpz-trigger 24.0.2.0.192.rpz-client-ip',
    '24 skip rpz-trigger ns.evil.example.rpz-nsdname',
    '25 exact absolute.example',
    '26 skip out-of-zone elsewhere.example',
    '28 exact evil.com',
    '29 subdomains evil.com',
    '31 skip too-broad *',
    '32 skip unsupported-pattern a.*.example',
    '33 exact upper.example',
    '34 exact esc\\.aped.example',
    '35 exact multi.example',
    '38 exact xn--e1afmkfd.xn--p1ai',
    '39 skip empty-label bad..example',
    '40 skip unsupported-directive $INCLUDE other.zone',
    '42 skip rpz-action dname.example DNAME',
    '42 encloser dname.example',
    '43 skip bad-syntax unbalanced.example      CNAME . )',
    '44 skip bad-syntax "quoted                 CNAME .',
    '45 exact trailing.example',
  ])
})

describe('the zone', () => {
  test('is told by the owner of its SOA when that is absolute', () => {
    const zone = 'rpz.example. 300 IN SOA a. b. 1 2 3 4 5\na.example.rpz.example. 300 IN CNAME .\nb.example. CNAME .'
    expect(rulesOf(zone, 'rpz')).toEqual(['exact a.example', 'skip out-of-zone b.example'])
  })
  test('is told by $ORIGIN as a transfer writes it', () => {
    const zone =
      '$ORIGIN .\nrpz.example 300 IN SOA a. b. 1 2 3 4 5\n$ORIGIN rpz.example.\na.example CNAME .\n$ORIGIN com.rpz.example.\nb CNAME .'
    expect(rulesOf(zone, 'rpz')).toEqual(['exact a.example', 'exact b.com'])
  })
  test('is told by the option', () => {
    expect(rulesOf('a.example CNAME .\nb.example.rpz.example. CNAME .', 'rpz', { origin: 'RPZ.example.' })).toEqual([
      'exact a.example',
      'exact b.example',
    ])
  })
  test('is not known: relative names stand as they are, absolute ones are refused', () => {
    expect(rulesOf('@ SOA a. b. 1 2 3 4 5\n@ NS a.\na.example CNAME .\nb.example.rpz.example. CNAME .', 'rpz')).toEqual([
      'exact a.example',
      'skip out-of-zone b.example.rpz.example',
    ])
  })
})

test.each([
  ['a CNAME . \\; x', ['exact a']],
  [' CNAME .', ['skip bad-syntax  CNAME .']],
  ['a', ['skip bad-syntax a']],
  ['a 300 IN', ['skip bad-syntax a 300 IN']],
  ['a IN 1h30m cname RPZ-PASSTHRU.', ['@@exact a']],
  ['a!b#c CNAME .', ['exact a!b#c']],
  ['a CNAME . (', ['skip bad-syntax the parenthesis of line 1 is not closed']],
  ['a ( ( CNAME . ) )', ['skip bad-syntax a ( ( CNAME . ) )']],
  ['\\*.a.example CNAME .', ['subdomains a.example']],
  ['a.rpz-ip CNAME .', ['skip rpz-trigger a.rpz-ip']],
  ['', []],
  ['; only a comment', []],
])('%j', (line, rules) => expect(rulesOf(line, 'rpz')).toEqual(rules))
