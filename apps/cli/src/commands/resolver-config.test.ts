import { expect, test } from 'vitest'
import { dnsdistLines, resolverConfig } from './resolver-config.ts'

test.each([
  [['bind'], 'resolver-config knows dnsdist, not "bind"'],
  [['dnsdist', '--hold', '2s'], '--hold takes whole milliseconds from 1ms to 1000ms'],
  [['dnsdist', '--hold', '0'], '--hold takes whole milliseconds from 1ms to 1000ms'],
  [['dnsdist', '--hold', 'x'], '--hold takes whole milliseconds from 1ms to 1000ms'],
  [['dnsdist', '--identity', "a'b"], '--identity takes letters, digits'],
  [[], 'resolver-config takes one resolver: dnsdist'],
])('%j is refused: %s', async (args, sentence) => {
  await expect(resolverConfig.run(args)).rejects.toThrow(sentence)
})

test('nothing in a path ends its string in Lua', () => {
  const lines = dnsdistLines({ namesFile: '/a"\\\n]]b', socket: '/s', identity: 'i', holdMs: undefined })
  expect(lines).toContain('newCDBKVStore("/a\\034\\092\\010]]b", 1)')
  expect(lines).not.toContain('Delay')
})
