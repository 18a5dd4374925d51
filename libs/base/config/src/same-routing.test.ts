import { expect, test } from 'vitest'
import { parseConfig } from './parse-config.ts'
import { sameRouting } from './same-routing.ts'

const LIST = '[[list]]\nname = "a"\nsource = "/a"\nttl = "1h"\n'
const URL_LIST = LIST.replace('/a', 'https://lists.example/a')
const isSame = (one: string, other: string) => sameRouting(parseConfig(one, 'test.toml', {}), parseConfig(other, 'test.toml', {}))

test('a configuration that was read again routes the same', () => {
  expect(isSame(LIST, LIST)).toBe(true)
})

test.each([
  ['communities', LIST, `${LIST}communities = ["64500:1"]\n`],
  ['how often a list is downloaded', URL_LIST, `${URL_LIST}refreshInterval = "2h"\n`],
  ['the log', LIST, `[log]\nlevel = "debug"\n${LIST}`],
])('an edit of %s changes nothing of what is routed', (_what, one, other) => {
  expect(isSame(one, other)).toBe(true)
})

test.each([
  ['ipv6', LIST, `ipv6 = true\n${LIST}`],
  ['the lifetime of a list', LIST, LIST.replace('1h', '2h')],
  ['the name of a list', LIST, LIST.replace('"a"', '"b"')],
  ['the limit of a list', LIST, `${LIST}maxRoutes = 7\n`],
  ['the addresses of a list', LIST, `${LIST}addresses = true\n`],
  ['the never list', LIST, `[never]\nprefixes = ["23.0.0.0/8"]\n${LIST}`],
  ['a limit of the whole', LIST, `[limits]\nroutes = 5\n${LIST}`],
  ['a next hop, which no route may catch', LIST, `${LIST}nextHop = "23.0.0.1"\n`],
])('an edit of %s changes it', (_what, one, other) => {
  expect(isSame(one, other)).toBe(false)
})
