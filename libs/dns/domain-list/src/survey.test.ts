import { describe, expect, test } from 'vitest'
import { parseList } from './parse-list.ts'
import { collect, detectFormat, fixture, rulesOf, utf8 } from '../test/collect.ts'

test.each([
  ['plain.txt', 'plain'],
  ['hosts.txt', 'hosts'],
  ['dnsmasq.conf', 'dnsmasq'],
  ['adblock.txt', 'adblock'],
  ['v2fly', 'v2fly'],
  ['v2fly-other', 'v2fly'],
  ['geosite.dat', 'geosite'],
  ['rpz.zone', 'rpz'],
  ['sing-box.json', 'sing-box'],
  ['clash.yaml', 'clash'],
  ['clash.list', 'clash'],
  ['routeros.rsc', 'routeros'],
])('the fixture %s is %s', (name, format) => expect(detectFormat(fixture(name))).toBe(format))

describe('by content', () => {
  test.each([
    ['', 'plain'],
    ['example.com', 'plain'],
    ['# full:not.example\nexample.com', 'plain'],
    ['||one.example^\na.example\nb.example', 'plain'], // one line of another kind does not turn the meaning of the others
    ['||one.example^\n||two.example^\na.example', 'adblock'],
    ['0.0.0.0 a.example\n0.0.0.0 b.example\n||one.example^', 'adblock'],
    ['/^ad/\n@@||a.example^', 'adblock'],
    ['192.0.2.1\n192.0.2.0/24\na.example', 'plain'],
    ['0.0.0.0 a.example\n0.0.0.0 b.example\nc.example', 'hosts'],
    [':: a.example', 'hosts'],
    ['fe80::1%lo0 localhost', 'hosts'],
    ['a.example\nfull:b.example', 'v2fly'],
    ['a.example\nb.example @cn', 'v2fly'],
    ['a.example, b.example\nfull:c.example', 'plain'],
    ['+.a.example\n+.b.example\nc.example', 'clash'],
    ['+.a.example\nb.example\nc.example', 'plain'],
    ['DOMAIN,a.example', 'clash'],
    ["payload:\n  - 'a.example'", 'clash'],
    ['a.example CNAME .\nb.example 300 IN CNAME rpz-passthru.', 'rpz'],
    ['rpz.example. 300 IN SOA a. b. 1 2 3 4 5', 'rpz'],
    ['add name=a.example type=FWD', 'routeros'],
    ['/ip/dns/static\nadd name=a.example', 'routeros'],
    ['server=/a.example/192.0.2.1', 'dnsmasq'],
    ['server=192.0.2.1', 'dnsmasq'],
    ['\ufeff{"version":1,"rules":[]}', 'sing-box'],
    ['\n\n{', 'sing-box'],
    ['\n\n\nexample.com', 'plain'], // 0x0A is also how a geosite file begins
    ['\n\x0c\n\x0bABCDEFGHIJKL', 'plain'],
  ])('%j is %s', (text, format) => expect(detectFormat(utf8(text))).toBe(format))
})

test('`auto` reads the list as what it is, and says what it took it for', () => {
  const { entries, summary } = collect([utf8('0.0.0.0 a.example\n')], 'auto')
  expect(entries).toEqual(['1 exact a.example'])
  expect(summary).toMatchObject({ format: 'hosts', lines: 1, rules: { exact: 1, suffix: 0 }, skippedTotal: 0 })
})

test.each([
  ['plain', 'a.example\n', '1 suffix a.example'],
  ['sing-box', '{"version":1,"rules":[{"domain":["a.example"]}]}', '1 exact a.example'],
  ['clash', 'payload:\n- DOMAIN,a.example\n', '2 exact a.example'],
  ['adblock', '||a.example^\n', '1 suffix a.example'],
])('a byte order mark before a list of %s is nothing', (format, text, entry) => {
  const bytes = utf8(`\ufeff${text}`)
  for (const chunks of [[bytes], [bytes.subarray(0, 1), bytes.subarray(1, 2), bytes.subarray(2)]])
    for (const as of ['auto', format as 'plain'] as const) {
      const { entries, summary } = collect(chunks, as)
      expect([summary.format, ...entries]).toEqual([format, entry])
    }
})

test.each([
  [[0x1f, 0x8b, 8, 0], 'compressed'],
  [[0xff, 0xfe, 0x61, 0], 'not-utf8'],
  [Array.from(utf8('\n <!DOCTYPE html>\n<html>')), 'html-page'],
  [Array.from(utf8('<HTML><head>')), 'html-page'],
  [Array.from(utf8('\ufeff<?xml version="1.0"?>\n<html>please wait</html>')), 'html-page'],
  [Array.from(utf8('<!-- -->\n<html>\nexample.com\n')), 'html-page'],
])('%j is refused: %s', (octets, fault) => {
  const sink = { rule: () => undefined, address: () => undefined, skip: () => undefined }
  for (const format of ['auto', 'plain'] as const)
    expect(() => parseList([Uint8Array.from(octets)], format, {}, sink)).toThrow(
      expect.objectContaining({ name: 'ListError', fault }),
    )
})

test('a format nobody knows is refused', () => {
  expect(() => rulesOf('', 'bind' as 'rpz')).toThrow('there is no list format "bind"')
})
