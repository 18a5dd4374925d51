/** What is not understood is skipped, never widened; and the same names mean the same in every format that can say them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { collect, rulesOf, utf8 } from '../test/collect.ts'
import { ListError } from './list-error.ts'
import { parseList } from './parse-list.ts'
import { ParserFormat, RuleKind } from './rule.ts'
import type { RuleSink } from './rule.ts'

const formats = [...Object.values(ParserFormat), 'auto' as const]

/** Every line of a list in ten formats says: a.example with its subdomains, b.example alone. */
const TEN: Record<string, string> = {
  plain: 'a.example\n=b.example\n',
  v2fly: 'domain:a.example\nfull:b.example\n',
  adblock: '||a.example^\n|b.example^\n',
  autoproxy: '[AutoProxy 0.2.9]\n||a.example\n|https://b.example/\n',
  'domain-set': '.a.example\n.a.example\nb.example\n',
  clash: "payload:\n  - '+.a.example'\n  - 'b.example'\n",
  'sing-box': '{"version":1,"rules":[{"domain_suffix":["a.example"],"domain":["b.example"]}]}',
  routeros: '/ip dns static\nadd match-subdomain=yes name=a.example type=FWD\nadd name=b.example type=FWD\n',
  unbound: 'local-zone: "a.example" always_nxdomain\nlocal-data: "b.example A 192.0.2.1"\n',
  smartdns: 'address /a.example/#\naddress /-.b.example/#\n',
  shadowsocks: '[bypass_all]\n[proxy_list]\n(^|\\.)a\\.example$\n|b.example\n',
  dnscrypt: '*.a.example\n=b.example\n*zzzz*\n',
}

describe('the same list', () => {
  test.each(Object.entries(TEN))('as %s, recognised and configured, gives the same rules', (format, text) => {
    for (const as of ['auto', format as ParserFormat] as const) {
      const rules = new Set(rulesOf(text, as).filter((rule) => rule !== 'keyword zzzz'))
      expect(rules, as).toEqual(new Set(['suffix a.example', 'exact b.example']))
    }
    if (format !== 'plain') expect(collect([utf8(text)], 'auto').summary.format).toBe(format)
  })

  test('as classical rules of Surge and of Quantumult X, and as dlc.dat_plain.yml', () => {
    const rules = ['suffix a.example', 'exact b.example']
    expect(rulesOf('DOMAIN-SUFFIX,a.example,P\nDOMAIN,b.example,P\n', 'auto')).toEqual(rules)
    expect(rulesOf('host-suffix, a.example, P\nhost, b.example, P\n', 'auto')).toEqual(rules)
    const yaml = 'lists:\n  - name: X\n    rules:\n      - "domain:a.example"\n      - "full:b.example"\n'
    expect(rulesOf(yaml, 'auto', { sites: ['x'] })).toEqual(rules)
  })
})

/** Rules of which the pattern is one label. */
function oneLabelRules(text: string, format: ParserFormat | 'auto'): string[] {
  const found: string[] = []
  const sink: RuleSink = {
    rule: (kind, pattern, exception) => {
      if (!exception && kind <= RuleKind.subdomains && !pattern.includes('.')) found.push(pattern)
    },
    address: () => undefined,
    skip: () => undefined,
  }
  try {
    parseList([utf8(text)], format, { sites: ['x'] }, sink)
  } catch (error) {
    if (!(error instanceof ListError)) throw error
  }
  return found
}

describe('no rule of one label comes from a line whose names all have more', () => {
  const word = fc.constantFrom(
    'a.example',
    'b.c.example',
    'DIRECT',
    'Google',
    'reject',
    'name=',
    'add',
    '192.0.2.1',
    '0',
    '#',
    '##',
    '||',
    '@@',
  )
  const glue = fc.constantFrom(' ', ',', ', ', '/', '^', '$', '=', ':', '"', "'", '|', '  - ', '*')
  const marked = fc.constantFrom(
    ...Object.values(TEN).flatMap((text) => text.split('\n')),
    'HOST-SUFFIX,a.example,Google',
    'IP-CIDR,192.0.2.0/24,P',
  )
  const line = fc.oneof(
    fc.array(fc.oneof(word, glue), { minLength: 2, maxLength: 7 }).map((parts) => parts.join('')),
    marked,
  )
  // A word that stands alone is a name of one label by what it says.
  const isWordAlone = (text: string) => /^[^.\s,]*,?$/.test(text.replace(/[#;].*$/, '').trim())

  test.each(formats)('%s', (format) => {
    // Formats that write one name after a type or key: what stands there is the name, however short.
    if (!['plain', 'hosts', 'adblock', 'autoproxy', 'dnscrypt', 'domain-set', 'auto'].includes(format)) return
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
        const several = lines.filter((text) => !isWordAlone(text) && /\.example/.test(text))
        const words = /(?:^|[^\w.-])(?:direct|google|reject|add|name)(?![\w.-])/i
        for (const found of oneLabelRules(several.join('\n'), format)) {
          if (found === '-') continue // as a name of a hosts file
          const source = several.filter((text) => text.toLowerCase().includes(found))
          // Only where a format has that very word as the one name of its line: hosts files and marked names.
          expect(
            source.some((text) => words.test(text) && /(?:^|\s)(?:0|192\.0\.2\.1)\s|\|\||\^|\.$/.test(text)),
            `${found}: ${source.join(' / ')}`,
          ).toBe(true)
        }
      }),
      { numRuns: 400, seed: 13 },
    )
  })
})

test('lines understood and skipped are counted once each, by the first reason that loses something', () => {
  const text = 'a.example\n# comment\n\nb.example, c.example\nx y z\nhttps://d.example/x\nlego.example##.ad\n'
  const { summary } = collect([utf8(text)], 'plain')
  expect(summary.understoodLines).toBe(3) // two of names, one cosmetic
  expect(summary.linesWithRules).toBe(2)
  expect(summary.skippedLines).toEqual({ 'single-word': 1, url: 1 })
})

test('what is lost to a cap and an exception that is skipped are told apart from what is not understood', () => {
  const lost: string[] = []
  const sink: RuleSink = {
    rule: () => undefined,
    address: () => undefined,
    skip: () => undefined,
    exceptionSkipped: (line, name) => lost.push(`${line} ${name}`),
  }
  const text = `||a.example^\n@@||ok.a.example^$dnstype=A\n@@/(${'x'.repeat(3000)})/\n@@||b.example^$script\n`
  const summary = parseList([utf8(text)], 'adblock', {}, sink)
  expect(lost).toEqual(['2 ok.a.example', '3 '])
  expect(summary.exceptionsSkipped).toBe(2)
  expect(summary.lostToCaps).toEqual({ 'regexp-too-long': 1 })
})
