import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldKey, readTree } from './toml-tree.ts'
import type { TableValue, Value } from './toml-tree.ts'

/** The plain values of a tree, under the keys as they are folded. */
function plain(value: Value): unknown {
  if (value.type === 'scalar') return value.value
  if (value.type === 'array') return value.elements.map(plain)
  return Object.fromEntries([...value.entries].map(([key, entry]) => [key, plain(entry.value)]))
}

test('keys are the same without case, _ and -', () => {
  expect(foldKey('routerID')).toBe(foldKey('Router_Id'))
  expect(plain(readTree('DomAins = "x"\n[BGP]\nRouter-ID = "y"').root)).toEqual({ domains: 'x', bgp: { routerid: 'y' } })
})

test('tables, dotted keys, inline tables and arrays of tables of any case come together', () => {
  const { root, mistakes } = readTree(`
[dnstap]
listen = "x"
[Dnstap.TLS]
cert = "c"
[[list]]
name = "a"
[[LIST]]
name = "b"
[[bgp.peer]]
address = "1"
[bgp]
as = 1
never.prefixes = ["p"]
tls = { ca = "d" }
`)
  expect(mistakes).toEqual([])
  expect(plain(root)).toEqual({
    dnstap: { listen: 'x', tls: { cert: 'c' } },
    list: [{ name: 'a' }, { name: 'b' }],
    bgp: { peer: [{ address: '1' }], as: 1, never: { prefixes: ['p'] }, tls: { ca: 'd' } },
  })
})

test('an entry knows its place, both numbers from 1', () => {
  const bgp = readTree('\uFEFF# comment\r\n[bgp]\r\n  as = 1\r\n').root.entries.get('bgp')?.value as TableValue
  expect(bgp.entries.get('as')?.at).toEqual({ line: 3, column: 3 })
})

test.each([
  [
    'one key in two spellings',
    'ttl = "1h"\nTTL = "2h"',
    [[2, 'TTL', 'defined a second time (first as ttl on line 1): remove one']],
  ],
  ['one key twice', 'ttl = "1h"\nttl = "2h"', [[2, 'ttl', 'defined a second time: remove one']]],
  ['one table in two spellings', '[bgp]\n[BGP]\nas = 1', [[2, '[BGP]', 'defined a second time: remove one']]],
  ['one table twice', '[bgp]\nas = 1\n[bgp]\nas = 2', [[3, '[bgp]', 'defined a second time: remove one']]],
  ['a table that is a value', 'Bgp = 1\n[bgp]\nas = 1', [[2, 'bgp', 'bgp is a value already']]],
  ['an array of tables that is a table', '[LIST]\na = 1\n[[list]]\na = 1', [[3, '[[list]]', 'is something else already']]],
  [
    'a key in an inline table twice',
    'a = { x = 1, X = 2 }',
    [[1, 'a.X', 'defined a second time (first as x on line 1): remove one']],
  ],
] as const)('%s is a mistake with its line', (_what, text, expected) => {
  const { mistakes } = readTree(text)
  expect(mistakes.map(({ line, key, seen }) => [line, key, seen])).toEqual(expected)
})

test('after a line that is no TOML the rest is read', () => {
  const { root, mistakes, incomplete } = readTree('ttl 24h\nipv6 = true\n[bgp]\nas = = 1\nholdTime = "9s"\n')
  expect(mistakes.map(({ line }) => line)).toEqual([1, 4])
  expect(incomplete).toBe(true)
  expect(plain(root)).toEqual({ ipv6: true, bgp: { holdtime: '9s' } })
})

test('something left open is one mistake, not one for each line after it', () => {
  const { mistakes } = readTree('peers = [ "a"\n[bgp]\nas = 1\nrouterID = "x"\n')
  expect(mistakes).toHaveLength(1)
  expect(mistakes[0].seen).toContain('something before it is not closed')
  expect(readTree('a = """\nb = 1\nc = 2\n').mistakes).toHaveLength(1)
})

test('keys that JavaScript knows are keys like others', () => {
  const { root, mistakes } = readTree('__proto__ = 1\nconstructor = 2\n[toString]\nvalueOf = 3\n')
  expect(mistakes).toEqual([])
  expect([...root.entries.keys()]).toEqual(['proto', 'constructor', 'tostring'])
})

test('whatever the text, there is a tree or a mistake, and never another error', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom('[bgp]', '[[list]]', 'as = 1', 'x = [', ']', '"""', 'a.b = {', '}', '[a.b]', 'a = "', "'''"),
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const { mistakes } = readTree(lines.join('\n'))
      for (const mistake of mistakes) expect(mistake.line).toBeGreaterThan(0)
    }),
    { numRuns: 500 },
  )
})
