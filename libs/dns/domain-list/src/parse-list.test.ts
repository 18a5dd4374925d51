import { textToName, nameToText } from '@dnstap-bgp/dns-wire'
import { parsePrefix, formatPrefix } from '@dnstap-bgp/ip'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { ListError } from './list-error.ts'
import { ListParser, parseList } from './parse-list.ts'
import { ParserFormat, RuleKind } from './rule.ts'
import type { ListOptions, RuleSink } from './rule.ts'
import { collect, fixture, utf8 } from '../test/collect.ts'

vi.setConfig({ testTimeout: 120_000 }) // much is compared, and the machine may be busy

const fixtures: readonly (readonly [string, ParserFormat])[] = [
  ['plain.txt', 'plain'],
  ['hosts.txt', 'hosts'],
  ['dnsmasq.conf', 'dnsmasq'],
  ['adblock.txt', 'adblock'],
  ['v2fly', 'v2fly'],
  ['geosite.dat', 'geosite'],
  ['rpz.zone', 'rpz'],
  ['sing-box.json', 'sing-box'],
  ['clash.yaml', 'clash'],
  ['routeros.rsc', 'routeros'],
]
const formats = [...Object.values(ParserFormat), 'auto' as const]
const options: ListOptions = {
  include: (name) => (name.startsWith('v2fly') ? fixture('v2fly-other') : undefined),
  sites: ['google', 'other'],
}

/** Fails when anything that is given to it is not as rule.ts promises. */
class CheckingSink implements RuleSink {
  rules = 0
  rule(kind: RuleKind, pattern: string): void {
    if (kind !== RuleKind.encloser) this.rules++
    if (kind === RuleKind.regexp) expect(pattern).toMatch(/^[\x20-\x7e]{1,2048}$/)
    else if (kind === RuleKind.keyword) expect(pattern).toMatch(/^[a-z0-9_.-]{1,253}$/)
    else {
      const name = textToName(pattern)
      expect(name, pattern).toBeDefined()
      expect(nameToText(name!, 0)).toBe(pattern)
      expect(name!.length).toBeGreaterThan(1)
      if (kind === RuleKind.wildcard) expect(pattern.split('.')).toContain('*')
    }
  }
  ruleBytes(kind: RuleKind, bytes: Uint8Array, start: number, end: number): void {
    this.rule(kind, new TextDecoder().decode(bytes.subarray(start, end)))
  }
  address(prefix: string): void {
    expect(formatPrefix(parsePrefix(prefix)!)).toBe(prefix)
  }
  skip(_reason: string, line: number, text: string): void {
    expect(text.length).toBeLessThanOrEqual(120)

    expect(text).not.toMatch(/[\x00-\x1f\x7f]/)
    expect(line).toBeGreaterThanOrEqual(0)
  }
}

const blind: RuleSink = { rule: () => undefined, address: () => undefined, skip: () => undefined }

/** Parses; a ListError is an answer too, anything else is not. */
function parsedOrRefused(bytes: Uint8Array, format: ParserFormat | 'auto', sink: RuleSink = new CheckingSink()): void {
  try {
    parseList([bytes], format, options, sink)
  } catch (error) {
    if (!(error instanceof ListError)) throw error
  }
}

describe.each(fixtures)('%s', (name, format) => {
  test('gives the same wherever the chunks were cut', () => {
    const bytes = fixture(name)
    const whole = collect([bytes], format, options)
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(collect([bytes.subarray(0, cut), bytes.subarray(cut)], format, options)).toEqual(whole)
    expect(
      collect(
        Array.from(bytes, (octet) => Uint8Array.of(octet)),
        format,
        options,
      ),
    ).toEqual(whole)
    expect(
      collect(
        Array.from(bytes, (octet) => Uint8Array.of(octet)),
        'auto',
        options,
      ),
    ).toEqual(whole)
  })

  test('gives only valid names, and the same by bytes as by text', () => {
    const byText: string[] = []
    const byBytes: string[] = []
    const sink = (into: string[]): RuleSink => ({
      rule: (kind, pattern, ...rest) => into.push([kind, pattern, ...rest].join(' ')),
      address: () => undefined,
      skip: () => undefined,
    })
    const summary = parseList([fixture(name)], format, options, sink(byText))
    const withBytes: RuleSink = {
      ...sink(byBytes),
      ruleBytes: (kind, bytes, start, end, ...rest) =>
        byBytes.push([kind, new TextDecoder().decode(bytes.subarray(start, end)), ...rest].join(' ')),
    }
    expect(parseList([fixture(name)], format, options, withBytes)).toEqual(summary)
    expect(byBytes).toEqual(byText)
    const checking = new CheckingSink()
    parseList([fixture(name)], format, options, checking)
    expect(checking.rules).toBe(Object.values(summary.rules).reduce((sum, count) => sum + count, 0))
    expect(checking.rules).toBeGreaterThan(0)
  })

  test('mutated, it is read or refused', () => {
    const bytes = fixture(name)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.nat(bytes.length),
        fc.nat(bytes.length),
        (changes, from, to) => {
          const mutated = bytes.slice()
          for (const [at, octet] of changes) mutated[at] = octet
          parsedOrRefused(mutated, format)
          parsedOrRefused(from < to ? mutated.subarray(from, to) : mutated, format)
        },
      ),
      { numRuns: 150 },
    )
  })

  test('read as any other format, it is read or refused', () => {
    for (const other of formats) parsedOrRefused(fixture(name), other)
  })
})

test.each(formats)('arbitrary bytes as %s are read or refused', (format) => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc
      .constantFrom(
        ...[
          '\n',
          ' ',
          '.',
          '*',
          '/',
          '||',
          '@@',
          '^',
          '$',
          '{',
          '}',
          '[',
          ']',
          '"',
          "'",
          '\\',
          '(',
          ')',
          ';',
          '#',
          ',',
          ':',
          '=',
        ],
        ...[
          'a.example',
          'ä',
          '0.0.0.0 ',
          '- ',
          'payload:',
          'add name=',
          'server=/',
          'include:',
          'CNAME .',
          '"rules":',
          '"domain":',
          'DOMAIN,',
        ],
        ...['\u00ad', '\u200d', '\ud800', '\\046', '\\999', 'xn--', '_', '$ORIGIN ', '@ SOA ', '/ip dns static'],
      )
      .map(utf8),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      parsedOrRefused(Uint8Array.from(pieces.flatMap((bytes) => Array.from(bytes))), format)
    }),
    { numRuns: 300 },
  )
})

describe('hostile lists', () => {
  const withoutLines = new Set<ParserFormat>(['geosite', 'sing-box', 'srs', 'mrs'])
  test.each(Object.values(ParserFormat).filter((format) => !withoutLines.has(format)))(
    'a line over the limit is skipped by %s, and the next one read',
    (format) => {
      const lines = Array<Uint8Array>(40).fill(utf8('x'.repeat(100_000)))
      const { entries, summary } = collect([...lines, utf8('\n\x01\n')], format, { sites: ['x'] })
      expect(entries[0]).toBe(`1 skip line-too-long ${'x'.repeat(64)}`)
      expect(summary.lines).toBe(2)
    },
  )

  // No figure is asserted: what takes the square of 64 KiB takes minutes here, and the runner gives up.
  test.each(formats)(
    '64 KiB of the same few characters in a line are no work for %s',
    (format) => {
      const pieces = `#, #,  ,//, /,;,",',\\,\\\\,\\",*,*.,.,:,::,@, @a,$,/$,|,||,^,!,{,},} ,(,[,<,0,0.,a,a.,a*,-,- ,=, a=,%,ä,\u200d,\u094d\u200d,\u0301`
      for (const piece of [...pieces.split(','), ',']) {
        for (const start of ['', 'a', '||', '- ', 'add ', 'server=/', '/', '"', '[', 'payload: [']) {
          const line = start + piece.repeat(60_000 / piece.length)
          parsedOrRefused(utf8(`${line}\rx\nnext.example\n`), format, blind)
        }
      }
    },
    120_000,
  )

  test('a million bad lines are counted, and what is shown of each is short', () => {
    const parser = new ListParser('plain', {}, blind)
    const chunk = utf8('a..b\n'.repeat(10_000))
    for (let i = 0; i < 100; i++) parser.push(chunk)
    expect(parser.end()).toMatchObject({ lines: 1_000_000, skipped: { 'empty-label': 1_000_000 }, skippedTotal: 1_000_000 })
  })
})
