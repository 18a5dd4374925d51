import { expect, test } from 'vitest'
import { readable } from './print.ts'

test('a table leaves out columns that are empty in all rows, and milliseconds', () => {
  expect(
    readable('routes', [
      { prefix: '198.51.100.1/32', lists: ['video', 'work'], communities: [], changed: '2026-01-02T03:04:05.678Z' },
      { prefix: '198.51.100.22/32', lists: ['video'], communities: [], changed: null },
    ]),
  ).toBe(
    [
      'PREFIX            LISTS         CHANGED',
      '198.51.100.1/32   video > work  2026-01-02T03:04:05Z',
      '198.51.100.22/32  video         -',
    ].join('\n'),
  )
})

test('the table of peers fits a terminal whatever was negotiated', () => {
  const peer = {
    name: 'edge1',
    address: '192.0.2.2',
    asn: 64512,
    state: 'Established',
    prefixesOut: { ipv4: 3, ipv6: 1 },
    negotiated: { families: ['ipv4', 'ipv6'], text: 'x'.repeat(500) },
    counters: { sessions: 1 },
    lastError: null,
  }
  expect(readable('peers', [peer])).toBe(
    ['NAME   ASN    STATE        PREFIXES OUT', 'edge1  64512  Established  ipv4=3 ipv6=1'].join('\n'),
  )
})

test('an empty reply is a sentence', () => {
  expect(readable('routes', [])).toBe('No routes.')
})

test('an object is its fields, then its groups and tables, without empty ones', () => {
  expect(
    readable('status', {
      state: 'ok',
      ready: true,
      parts: [{ name: 'bgp', state: 'ok', why: '' }],
      counts: { routes: 4, routesPerList: { default: 4 }, refused: {} },
      warnings: [],
    }),
  ).toBe(
    [
      'state: ok',
      'ready: yes',
      '',
      'parts:',
      '  NAME  STATE',
      '  bgp   ok',
      '',
      'counts:',
      '  routes           4',
      '  routes per list  default=4',
    ].join('\n'),
  )
})

test('a nested table whose rows are of another kind shows all they have', () => {
  expect(readable('explain', { routed: false, lists: [{ list: 'video', rule: 'example.com' }] })).toBe(
    ['routed: no', '', 'lists:', '  LIST   RULE', '  video  example.com'].join('\n'),
  )
})

test('a route that an announcer has is not called announced: there may be no peer', () => {
  expect(readable('explain', { announced: [{ prefix: '192.0.2.7/32', announcer: '192.0.2.1', peers: [], staleFor: '' }] })).toBe(
    ['ready for peers:', '  PREFIX        ANNOUNCER', '  192.0.2.7/32  192.0.2.1'].join('\n'),
  )
})

test('no connected sender is a sentence', () => {
  expect(readable('senders', { connections: [], identities: [] })).toBe('No sender is connected.')
})

test('routes come in the order of their addresses, IPv4 first', () => {
  const prefixes = ['198.51.100.20/32', '2001:db8::1/128', '198.51.100.3/32', '9.9.9.9/32']
  const shown = readable(
    'routes',
    prefixes.map((prefix) => ({ prefix })),
  )
  expect(shown.split('\n').slice(1)).toEqual(['9.9.9.9/32', '198.51.100.3/32', '198.51.100.20/32', '2001:db8::1/128'])
})

test('a forget that found nothing says so', () => {
  expect(readable('forget', { forgotten: 0, withdrawn: [] })).toBe('Nothing was bound to it.')
})

test('text from strangers reaches the terminal without control characters, and begins no line', () => {
  const evil = '\u001b]0;pwned\u0007\u009b2J\n\u202eforged'
  const rows = [{ name: 'sub', state: 'cached', why: evil, skipped: { [evil]: 1 }, firstSkipped: [evil, evil] }]
  const texts = [
    readable('lists', rows),
    readable('check', { skipped: [`${evil} `, evil], one: [evil], value: evil, group: { [evil]: evil }, rows }),
    readable('status', evil),
  ]
  for (const text of texts) {
    expect(text).toContain('\\u001b]0;pwned\\u0007\\u009b2J\\u000a\\u202eforged')
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{C}/u)
    expect(text).not.toMatch(/^.?forged/m)
  }
})

test('a value of megabytes is cut', () => {
  expect(readable('lists', [{ name: 'sub', why: 'x'.repeat(31_457_280) }]).length).toBeLessThan(20_000)
})
