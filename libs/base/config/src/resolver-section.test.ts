import { describe, expect, test } from 'vitest'
import { neverListOptions } from './never-list-options.ts'
import { parseConfig, readConfig } from './parse-config.ts'

const resolvers = (text: string) => parseConfig(text, 'test.toml', {}).resolvers
const mistakes = (text: string) => readConfig(text, 'test.toml', {}).reading.mistakes.map(({ key, seen }) => `${key}: ${seen}`)
const table = (lines: string) => `[[resolver]]\naddress = "127.0.0.1"\n${lines}\n`

test('a resolver has an address, port 53 unless it says another, and is asked nothing by default', () => {
  expect(resolvers('')).toEqual([])
  expect(resolvers(table('kind = "unbound"'))).toEqual([
    { name: '127.0.0.1:53', address: '127.0.0.1', port: 53, kind: 'unbound', flushTargetMs: undefined, warm: undefined },
  ])
  expect(resolvers('[[resolver]]\naddress = "[2001:DB8::53]:5353"\nkind = "bind"\nflushTarget = "25ms"')).toEqual([
    { name: '[2001:db8::53]:5353', address: '2001:db8::53', port: 5353, kind: 'bind', flushTargetMs: 25, warm: undefined },
  ])
})

describe('flushTarget is refused for resolvers that questions do not help, with a sentence that says what does', () => {
  test.each([
    ['knot-resolver', 'its hook'],
    ['pdns-recursor', 'its hook'],
    ['dnsdist', 'docs/resolvers.md, section dnsdist'],
  ])('%s', (kind, advice) => {
    const found = mistakes(table(`kind = "${kind}"\nflushTarget = "25ms"`))
    expect(found).toEqual([expect.stringContaining(advice)])
    expect(found[0]).toMatch(/^resolver\.flushTarget: /)
    expect(mistakes(table(`kind = "${kind}"`))).toEqual([])
  })
})

test('warm names have a budget and a time that they stay', () => {
  expect(resolvers(table('kind = "unbound"\nwarm = "learnt"'))).toMatchObject([
    { warm: { names: 'learnt', queriesPerSecond: 100, keepMs: 24 * 3_600_000 } },
  ])
  const own = 'kind = "dnsdist"\nwarm = "exact"\nwarmQueriesPerSecond = 5\nwarmFor = "2h"'
  expect(resolvers(table(own))).toMatchObject([{ warm: { names: 'exact', queriesPerSecond: 5, keepMs: 7_200_000 } }])
  expect(mistakes(table('kind = "bind"\nwarmFor = "2h"'))).toEqual([expect.stringContaining('applies only with `warm`')])
  expect(mistakes(table('kind = "pdns-recursor"\nwarm = "learnt"'))).toEqual([
    expect.stringContaining('does not report who asked'),
  ])
})

test('mistakes are named', () => {
  expect(mistakes('[[resolver]]\n')).toEqual(['resolver.address: missing', 'resolver.kind: missing'])
  expect(mistakes('[[resolver]]\naddress = "ns.example.org"\nkind = "unbound"')).toEqual([
    'resolver.address: seen "ns.example.org"',
  ])
  expect(mistakes(table('kind = "unbound"\nflushTarget = "5ms"'))).toEqual(['resolver.flushTarget: seen "5ms"'])
  expect(mistakes(table('kind = "unbound"') + table('kind = "bind"'))).toEqual([
    'resolver: 127.0.0.1:53 stands in two tables: remove one',
  ])
  expect(mistakes(table('kind = "unbound"').repeat(65))).toContain('resolver: seen 65 tables')
})

test('no route may cover a resolver that we ask', () => {
  const config = parseConfig(table('kind = "unbound"').replace('127.0.0.1', '198.51.100.53'), 'test.toml', {})
  expect(neverListOptions(config).also).toContainEqual(['198.51.100.53', 'resolver of ours'])
})
