import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Config } from './config.ts'
import { ConfigError } from './mistakes.ts'
import { parseConfig } from './parse-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'config-lists-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const parse = (text: string, environment: Record<string, string> = {}): Config =>
  parseConfig(text, join(folder, 'dnstap-bgp.toml'), environment)
const listOf = (settings: string) => parse(`[[list]]\nname = "a"\n${settings}\n`).lists[0]!
const URL_LINE = 'source = "https://lists.example/x"\n'

function mistakeIn(settings: string): string {
  try {
    listOf(settings)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

test('where the last good versions are kept is a setting of all lists, in the file and in the environment', () => {
  expect(parse('[lists]\nstate = "lists"\n').listState).toBe(join(folder, 'lists'))
  expect(parse('', { DNSTAP_BGP_LISTS_STATE: '/var/lib/x' }).listState).toBe('/var/lib/x')
  expect(parse('').listState).toBeUndefined()
})

test('a file: URL is the path in it, with what may stand behind the path', () => {
  expect(listOf('source = "file:///etc/my%20list.txt"').source).toEqual({ kind: 'path', path: '/etc/my list.txt' })
  expect(listOf('source = "file:///etc/geosite.dat#google,@cn"').source).toEqual({
    kind: 'path',
    path: '/etc/geosite.dat#google,@cn',
  })
  expect(mistakeIn('source = "file://elsewhere/x"')).toMatch(/list\.source: .*a path, or "file:\/\/\/" and an absolute one/)
})

test('a list may need to log in at its server and at a proxy, with passwords from files too', () => {
  writeFileSync(join(folder, 'secret'), 'pass word\n')
  const list = listOf(
    `${URL_LINE}user = "me"\npasswordFile = "secret"\nproxy = "http://proxy.example:3128"\nproxyUser = "you"\nproxyPassword = "p"`,
  )
  expect([list.login?.user, list.login?.password.reveal()]).toEqual(['me', 'pass word'])
  expect([list.proxyLogin?.user, list.proxyLogin?.password.reveal()]).toEqual(['you', 'p'])
})

test.each([
  ['user = "me"', /list\.password: missing, expected user and password together/],
  ['proxyPassword = "x"', /list\.proxyUser: missing, expected proxyUser and proxyPassword together/],
  ['proxyUser = "x"\nproxyPassword = "y"', /list\.proxy: missing/],
  ['user = "me"\npassword = "x"\nbearerToken = "y"', /list\.user: set together with `bearerToken`/],
  ['user = "a:b"\npassword = "x"', /list\.user: .*a name without colons/],
  ['proxy = "https://proxy.example"', /list\.proxy: .*expected a URL that starts with http:\/\/$/],
  ['proxy = "http://me:pw@proxy.example"', /list\.proxy: .*credentials.*they belong in proxyUser and proxyPassword/],
  ['origin = "no zone"', /list\.origin: .*the name of a zone/],
  ['origin = "rpz.example"\nformat = "plain"', /list\.origin: applies only to RPZ zones/],
])('%j is a mistake, and no password is shown', (settings, message) => {
  expect(mistakeIn(URL_LINE + settings)).toMatch(message)
  expect(mistakeIn(URL_LINE + settings)).not.toContain('pw@')
})

test('credentials in the URL of a list are a mistake that says where they belong', () => {
  expect(mistakeIn('source = "https://me:pw@lists.example/x"')).toMatch(/list\.source: .*they belong in user and password/)
})

test('prefixes in a list may be no shorter than /8 and /19, or what the list says', () => {
  expect(listOf('source = "x"')).toMatchObject({ shortestPrefixIpv4: 8, shortestPrefixIpv6: 19 })
  expect(listOf('source = "x"\naddresses = true\nshortestPrefix = 5\nshortestPrefixIPv6 = 0')).toMatchObject({
    shortestPrefixIpv4: 5,
    shortestPrefixIpv6: 0,
  })
  expect(mistakeIn('source = "x"\naddresses = true\nshortestPrefix = 33')).toMatch(/list\.shortestPrefix: .*from 0 to 32/)
  expect(mistakeIn('source = "x"\nshortestPrefixIPv6 = 32')).toMatch(
    /list\.shortestPrefixIPv6: applies only with `addresses = true`/,
  )
})

test('what is for URLs is a mistake at a file', () => {
  expect(mistakeIn('source = "x"\nuser = "me"\npassword = "x"')).toMatch(/list\.user: applies only when `source` is a URL/)
})
