import { textToName } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import fc from 'fast-check'
import { RE2JS, RE2Set } from 're2js'
import { expect, test, vi } from 'vitest'
import { hashKeyOf, hashWords, tagOf } from './hash.ts'
import { Matcher, NO_MATCH } from './matcher.ts'
import { MatcherBuilder } from './matcher-builder.ts'
import { Refusal } from './matcher-limits.ts'
import { packLabel } from './packed-name.ts'

interface Rule {
  readonly kind: RuleKind
  readonly pattern: string
  readonly exception?: boolean
  readonly important?: boolean
}

function matcherOf(lists: Readonly<Record<string, readonly Rule[]>>, seed = 1): Matcher {
  const builder = new MatcherBuilder({ seed })
  for (const [name, rules] of Object.entries(lists)) {
    const list = builder.addList(name)
    for (const { kind, pattern, exception = false, important = false } of rules)
      expect(list.rule(kind, pattern, exception, important)).toBeUndefined()
  }
  return new Matcher(builder.build())
}

/** Somewhere inside a message, in a letter case of its own. */
function match(matcher: Matcher, name: string, mixedCase = false): number {
  const wire = textToName(mixedCase ? name.replace(/[a-z]/g, (c, i: number) => (i % 2 === 0 ? c.toUpperCase() : c)) : name)!
  const message = new Uint8Array(300).fill(0x61)
  message.set(wire, 12)
  return matcher.match(message, 12)
}

function feeds(matcher: Matcher, name: string): string[] {
  const id = match(matcher, name)
  return id === NO_MATCH ? [] : matcher.verdict(id).map(({ list }) => list)
}

const suffix = (pattern: string): Rule => ({ kind: RuleKind.suffix, pattern })
const exact = (pattern: string): Rule => ({ kind: RuleKind.exact, pattern })
const subdomains = (pattern: string): Rule => ({ kind: RuleKind.subdomains, pattern })
const wildcard = (pattern: string): Rule => ({ kind: RuleKind.wildcard, pattern })
const keyword = (pattern: string): Rule => ({ kind: RuleKind.keyword, pattern })
const regexp = (pattern: string): Rule => ({ kind: RuleKind.regexp, pattern })
const except = (rule: Rule): Rule => ({ ...rule, exception: true })
const important = (rule: Rule): Rule => ({ ...rule, important: true })

test('a listed name covers itself and its subdomains, label by label', () => {
  const matcher = matcherOf({ a: [suffix('x.com')] })
  for (const name of ['x.com', 'www.x.com', 'a.b.c.x.com']) expect(feeds(matcher, name)).toEqual(['a'])
  for (const name of ['xbox.com', 'www.xbox.com', 'com', '.', 'x.com.org', 'ax.com', 'x.co'])
    expect(feeds(matcher, name)).toEqual([])
})

test.each([
  ['exact', exact('x.com'), ['x.com'], ['www.x.com', 'com']],
  ['subdomains', subdomains('x.com'), ['www.x.com', 'a.b.x.com'], ['x.com']],
  ['wildcard', wildcard('*.x.com'), ['a.x.com'], ['x.com', 'a.b.x.com', 'a.y.com']],
  ['wildcard inside', wildcard('www.*.x.com'), ['www.a.x.com'], ['www.x.com', 'www.a.b.x.com', 'ww.a.x.com']],
  ['two stars', wildcard('*.*.x.com'), ['a.b.x.com'], ['b.x.com']],
  ['star last', wildcard('x.*'), ['x.com', 'x.org'], ['x', 'y.com', 'a.x.com']],
  ['a label that is an asterisk', exact('*.x.com'), ['*.x.com'], ['a.x.com']],
  ['keyword', keyword('ads'), ['ads.x.com', 'myads.com', 'x.com.ads'], ['ad.s.com', 'x.com']],
  ['keyword over a dot', keyword('s.x'), ['ads.x.com'], ['adsx.com', 'x.com']],
  ['regexp', regexp('^ads?[0-9]+\\.x\\.com$'), ['ad1.x.com', 'ads22.x.com'], ['ads.x.com', 'b.ad1.x.com']],
  ['regexp without fixed text', regexp('^a+[0-9]$'), ['aa1'], ['ba1', 'a']],
  ['regexp with alternatives', regexp('^foo|bar$'), ['foox.com', 'x.bar'], ['x.foo', 'bar.x']],
  ['the root', suffix('.'), ['.', 'com', 'x.com'], []],
  ['a top-level domain', suffix('ua'), ['ua', 'x.ua'], ['xua', 'aua.com']],
  ['an escaped dot', suffix('a\\.b.com'), ['a\\.b.com', 'x.a\\.b.com'], ['a.b.com']],
  ['octets past ASCII', suffix('\\255\\000.com'), ['\\255\\000.com'], ['\\255\\001.com']],
] as const)('%s', (_name, rule, covered, others) => {
  const matcher = matcherOf({ a: [rule] })
  for (const name of covered) expect([name, feeds(matcher, name)]).toEqual([name, ['a']])
  for (const name of others) expect([name, feeds(matcher, name)]).toEqual([name, []])
})

test('letter case is nothing (RFC 4343), in the name and in the list', () => {
  const matcher = matcherOf({ a: [suffix('Example.ORG'), keyword('ADS'), regexp('^Foo[0-9]')] })
  for (const name of ['example.org', 'www.example.org', 'ads.net', 'foo1.net'])
    expect(matcher.verdict(match(matcher, name, true))).toHaveLength(1)
})

test('a name on several lists feeds all of them, and the verdict tells by which rules', () => {
  const matcher = matcherOf({ one: [suffix('x.com'), keyword('ww')], two: [exact('www.x.com')], three: [suffix('y.com')] })
  expect(matcher.verdict(match(matcher, 'www.x.com'))).toEqual([
    { list: 'one', rule: 'x.com' },
    { list: 'two', rule: 'full:www.x.com' },
  ])
})

test('the same verdict is the same object', () => {
  const matcher = matcherOf({ one: [suffix('x.com'), keyword('ads')] })
  expect(matcher.verdict(match(matcher, 'a.x.com'))).toBe(matcher.verdict(match(matcher, 'b.x.com')))
  expect(matcher.verdict(match(matcher, 'ads.x.com'))).toBe(matcher.verdict(match(matcher, 'ads2.x.com')))
})

test.each([
  ['beats the same name, whichever list it stands in', [suffix('x.com')], [suffix('x.com')], 'x.com', []],
  ['beats a less specific name', [suffix('x.com')], [suffix('www.x.com')], 'a.www.x.com', []],
  ['says nothing about names it does not match', [suffix('x.com')], [suffix('www.x.com')], 'ww.x.com', ['a']],
  ['loses to a more specific name', [suffix('www.x.com')], [suffix('x.com')], 'www.x.com', ['a']],
  ['beats an exact name of as many labels', [exact('x.com')], [suffix('x.com')], 'x.com', []],
  ['beats a wildcard of as many fixed labels', [wildcard('*.x.com')], [suffix('x.com')], 'a.x.com', []],
  ['by wildcard beats what fixes no more', [suffix('x.com')], [wildcard('*.x.com')], 'a.x.com', []],
  ['by wildcard loses to what fixes more', [suffix('a.x.com')], [wildcard('*.x.com')], 'a.x.com', ['a']],
  ['beats keywords', [keyword('ads')], [suffix('com')], 'ads.com', []],
  ['beats regular expressions', [regexp('^ads')], [exact('ads.com')], 'ads.com', []],
  ['by keyword beats names', [exact('ads.x.com')], [keyword('ads')], 'ads.x.com', []],
  ['by regular expression beats names', [exact('ads.x.com')], [regexp('^ads\\.')], 'ads.x.com', []],
  ['loses to an important rule', [important(suffix('com'))], [exact('x.com')], 'x.com', ['a']],
  ['that is important beats everything', [important(exact('x.com')), keyword('x.')], [important(suffix('com'))], 'x.com', []],
  ['that is an important keyword beats everything', [important(exact('x.com'))], [important(keyword('x.c'))], 'x.com', []],
] as const)('an exception %s', (_name, rules, exceptions, name, expected) => {
  expect(feeds(matcherOf({ a: rules, b: exceptions.map(except) }), name)).toEqual(expected)
  expect(feeds(matcherOf({ b: exceptions.map(except), a: rules }), name)).toEqual(expected)
})

test('explain tells which rule of which list decides, and why', () => {
  const matcher = matcherOf({ vpn: [suffix('example.org')], work: [except(suffix('example.org')), suffix('www.example.org')] })
  const explanation = matcher.explain('WWW.Example.org.')
  expect(explanation).toMatchObject({
    name: 'www.example.org',
    feeds: [{ list: 'work', rule: 'www.example.org' }],
    rules: [
      { list: 'vpn', rule: 'example.org', outcome: 'excepted', by: { list: 'work', rule: '@@example.org' } },
      { list: 'work', rule: '@@example.org', outcome: 'excepts' },
      { list: 'work', rule: 'www.example.org', outcome: 'feeds' },
    ],
  })
  expect(explanation?.why).toEqual([
    'www.example.org feeds list work by www.example.org; the exception @@example.org of list work is less specific',
    'example.org of list vpn would match, but the exception @@example.org of list work wins',
  ])
  expect(matcher.explain('example.net')?.why).toEqual(['no rule of any list matches example.net'])
  expect(matcherOf({ mine: [except(suffix('mine.test'))] }).explain('c.mine.test')?.why).toEqual([
    'only the exception @@mine.test of list mine matches c.mine.test',
  ])
  expect(matcher.explain('b\u00fccher.example')?.name).toBe('xn--bcher-kva.example')
  expect(matcher.explain('a..b')).toBeUndefined()
})

// The obvious twin: texts, no tables, one rule after the other.
const LABELS = ['a', 'b', 'c', 'aa', 'ab', '*', 'A\\.b', '\\000', 'x-1']
const name = fc.array(fc.constantFrom(...LABELS), { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
const pattern = fc
  .array(fc.constantFrom(...LABELS.map((label) => (label === '*' ? '\\*' : label))), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'))
const rule: fc.Arbitrary<Rule> = fc.record({
  kind: fc.constantFrom(
    RuleKind.suffix,
    RuleKind.exact,
    RuleKind.subdomains,
    RuleKind.wildcard,
    RuleKind.keyword,
    RuleKind.regexp,
  ),
  pattern,
  exception: fc.boolean(),
  important: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
})

/** Patterns as their kind wants them. */
function fitted({ kind, pattern, ...flags }: Rule): Rule {
  const labels = labelsOf(pattern)
  if (kind === RuleKind.wildcard) return { kind, pattern: ['*', ...pattern.split(/(?<!\\)\./).slice(1)].join('.'), ...flags }
  if (kind === RuleKind.keyword) {
    const text = labels[0] === '\0' ? 'b.' : labels.slice(0, 2).join('.').replace(/\0/g, 'a')
    return { kind, pattern: text.length === 1 ? `${text}.` : text, ...flags }
  }
  if (kind === RuleKind.regexp) return { kind, pattern: labels.length % 2 === 0 ? '^a+\\.' : 'aa[.]?b?\\.a', ...flags }
  return { kind, pattern, ...flags }
}

function labelsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/(?<!\\)\./)
    .map((label) => label.replace(/\\000/, '\0').replace(/\\(.)/g, '$1'))
}

function twinMatches({ kind, pattern }: Rule, name: string): number | undefined {
  const of = labelsOf(name)
  if (kind === RuleKind.keyword) return of.join('.').includes(pattern.toLowerCase()) ? -1 : undefined
  if (kind === RuleKind.regexp) return new RegExp(pattern, 'i').test(of.join('.')) ? -1 : undefined
  const labels = labelsOf(pattern)
  if (kind === RuleKind.wildcard) {
    const stars = pattern.split(/(?<!\\)\./)
    const fits = of.length === labels.length && labels.every((label, i) => stars[i] === '*' || label === of[i])
    return fits ? stars.filter((label) => label !== '*').length : undefined
  }
  const tail = of.slice(Math.max(0, of.length - labels.length))
  const more = of.length - labels.length
  const fits = tail.length === labels.length && tail.every((label, i) => label === labels[i])
  if (!fits || (kind === RuleKind.exact && more > 0) || (kind === RuleKind.subdomains && more === 0)) return undefined
  return labels.length
}

function twinFeeds(lists: readonly (readonly Rule[])[], name: string): string[] {
  const matching = lists.flatMap((rules, list) =>
    rules.flatMap((each) => {
      const labels = twinMatches(each, name)
      if (labels === undefined) return []
      const rank = (each.important ? 1000 : 0) + (labels >= 0 ? labels : each.exception ? 500 : 0)
      return [{ ...each, list, rank }]
    }),
  )
  const exceptions = matching.filter((each) => each.exception)
  const beaten = (each: { rank: number; important?: boolean }) =>
    exceptions.some((exception) => exception.important || exception.rank >= each.rank)
  return [...new Set(matching.filter((each) => !each.exception && !beaten(each)).map((each) => String(each.list)))].sort()
}

test('on any lists and names it says what the obvious twin says, and so does explain', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(rule.map(fitted), { maxLength: 12 }), { minLength: 1, maxLength: 3 }),
      fc.array(name, { minLength: 1, maxLength: 12 }),
      fc.integer(),
      (lists, names, seed) => {
        const matcher = matcherOf(Object.fromEntries(lists.map((rules, i) => [`l${i}`, rules])), seed)
        for (const each of names) {
          const expected = twinFeeds(lists, each).map((index) => `l${index}`)
          expect({ name: each, feeds: feeds(matcher, each) }).toEqual({ name: each, feeds: expected })
          const explained = matcher.explain(each.replace(/(^|\.)\*/g, '$1\\*'))
          if (explained !== undefined) expect(explained.feeds.map(({ list }) => list)).toEqual(expected)
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('thousands of names, grown over many tables, are all found, and no others', () => {
  const builder = new MatcherBuilder({ seed: 7 })
  const list = builder.addList('a')
  for (let i = 0; i < 20_000; i++) list.rule(RuleKind.exact, `n${i}.example${i % 7}.org`, false, false)
  for (let i = 0; i < 20_000; i++) list.rule(RuleKind.exact, `n${i}.example${i % 7}.org`, false, false)
  const matcher = new Matcher(builder.build())
  expect(list.counts).toEqual({ name: 'a', names: 20_000, rules: 20_000, duplicates: 20_000 })
  for (let i = 0; i < 20_000; i++) {
    expect(match(matcher, `n${i}.example${i % 7}.org`)).not.toBe(NO_MATCH)
    expect(match(matcher, `n${i}.example${(i + 1) % 7}.org`)).toBe(NO_MATCH)
  }
})

test('a list as they are, and names as they are asked for: what a set of texts says', () => {
  // Word parts and top-level domains in the shares they have in public lists; a third of the names is below another listed one.
  const words = [
    'ads',
    'track',
    'cdn',
    'img',
    'shop',
    'news',
    'metrics',
    'xn--e1afmkfd',
    '_dmarc',
    '4',
    'a-1',
    'very-long-label-of-a-shop',
  ]
  const tlds = ['com', 'com', 'com', 'net', 'org', 'ru', 'co.uk', 'com.br', 'xn--p1ai']
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 3 }), fc.constantFrom(...tlds), fc.boolean()),
        {
          minLength: 50,
          maxLength: 200,
        },
      ),
      fc.integer(),
      (made, seed) => {
        const texts = made.map(([labels, tld]) => [...labels, tld].join('.'))
        const listed = new Set(texts.filter((_, i) => made[i]![2]))
        const matcher = matcherOf({ a: [...listed].map(suffix) }, seed)
        for (const each of texts) {
          const labels = `www.${each}`.split('.')
          const expected = labels.some((_, i) => listed.has(labels.slice(i).join('.')))
          expect([each, match(matcher, labels.join('.'), true) !== NO_MATCH]).toEqual([each, expected])
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('a name of 255 octets, and one of 127 labels', () => {
  const long = [63, 63, 63, 61].map((length) => 'x'.repeat(length)).join('.')
  const deep = Array.from({ length: 127 }, () => 'a').join('.')
  const matcher = matcherOf({ a: [exact(long), exact(deep)], b: [wildcard(`*.${deep.slice(2)}`)] })
  expect(feeds(matcher, long)).toEqual(['a'])
  expect(feeds(matcher, deep)).toEqual(['a', 'b'])
})

test('bytes that are no name match nothing, and nothing is read past them', () => {
  const matcher = matcherOf({ a: [suffix('.'), keyword('aa'), regexp('a'), wildcard('*')] })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, offset) => {
      expect(matcher.match(bytes, offset)).toBeGreaterThanOrEqual(NO_MATCH)
    }),
  )
  expect(matcher.match(Uint8Array.of(0xc0, 0x0c), 0)).toBe(NO_MATCH)
  expect(matcher.match(Uint8Array.of(3, 0x61), 0)).toBe(NO_MATCH)
})

function tagOfLabel(text: string, seed: number): number {
  const packed = new Int32Array(16)
  return tagOf(hashWords(hashKeyOf(seed).root, hashKeyOf(seed), packed, 0, packLabel(packed, 0, textToName(text)!, 0)))
}

test('names cannot be made to have the same hash by whoever does not know the seed', () => {
  // The highest bit of one word, and of the next what a multiplication and a shift would make of it.
  const one = 'aaaaaaaaaaa'
  const other = 'aaaaaa\\225aa\\096\\225'
  expect([textToName(one)!.length, textToName(other)!.length]).toEqual([13, 13])
  const same = Array.from({ length: 100 }, (_, seed) => tagOfLabel(one, seed) === tagOfLabel(other, seed))
  expect(same.filter(Boolean)).toEqual([])
})

test('names with the same hash are told apart', () => {
  const byTag = new Map<number, string>()
  let twins: readonly [string, string] | undefined
  for (let i = 0; twins === undefined; i++) {
    const name = `n${i}`
    const tag = tagOfLabel(name, 1)
    const other = byTag.get(tag)
    if (other !== undefined) twins = [other, name]
    byTag.set(tag, name)
  }
  const [listed, other] = twins
  expect(feeds(matcherOf({ a: [suffix(listed)] }), other)).toEqual([])
  const both = matcherOf({ a: [suffix(listed)], b: [suffix(other)] })
  expect([feeds(both, listed), feeds(both, other)]).toEqual([['a'], ['b']])
})

test('a name and the wildcard over it are told apart, wherever they are stored', () => {
  for (let seed = 0; seed < 50; seed++) {
    const matcher = matcherOf({ a: [subdomains('b'), exact('c')], w: [wildcard('*')] }, seed)
    expect([feeds(matcher, 'b'), feeds(matcher, 'c'), feeds(matcher, 'x.b')]).toEqual([['w'], ['a', 'w'], ['a']])
  }
})

test('what cannot be taken is refused with its reason', () => {
  const limits = {
    names: 2,
    regexps: 6,
    unfilteredRegexps: 1,
    unfilteredSize: 50,
    regexpLength: 30,
    regexpSize: 100,
    keywords: 1,
    wildcardForms: 1,
  }
  const list = new MatcherBuilder({ seed: 1, limits }).addList('a')
  const rule = (kind: RuleKind, pattern: string) => list.rule(kind, pattern, false, false)
  for (const pattern of [
    '',
    'a..b',
    '.a',
    'a.',
    'x'.repeat(64),
    'a b',
    'b\u00fc',
    'a\\',
    'a\\25',
    'a\\256',
    `${'a.'.repeat(127)}a`,
  ])
    expect([pattern, rule(RuleKind.suffix, pattern)]).toEqual([pattern, Refusal.badName])
  expect(rule(RuleKind.wildcard, 'a.b')).toBe(Refusal.badName)
  expect(rule(RuleKind.keyword, 'b\u00fc')).toBe(Refusal.badKeyword)
  expect(rule(RuleKind.keyword, 'ads')).toBeUndefined()
  expect(rule(RuleKind.keyword, 'trk')).toBe(Refusal.tooManyKeywords)
  expect(rule(RuleKind.keyword, 'ads')).toBeUndefined()
  expect(rule(RuleKind.regexp, '(a')).toBe(Refusal.badRegexp)
  expect(rule(RuleKind.regexp, '(?=a)b')).toBe(Refusal.badRegexp)
  expect(rule(RuleKind.regexp, 'a'.repeat(31))).toBe(Refusal.regexpTooLarge)
  expect(rule(RuleKind.regexp, '(a{30}){30}')).toBe(Refusal.regexpTooLarge)
  expect(rule(RuleKind.regexp, '[ab]{60}')).toBe(Refusal.tooManyRegexps)
  expect(rule(RuleKind.regexp, '[ab]')).toBeUndefined()
  expect(rule(RuleKind.regexp, '[cd]')).toBe(Refusal.tooManyRegexps) // of those without fixed text
  expect(rule(RuleKind.regexp, '^ads\\.')).toBe(Refusal.tooManyRegexps) // tried: the refused ones too
  expect(rule(RuleKind.wildcard, '*.a')).toBeUndefined()
  expect(rule(RuleKind.wildcard, 'a.*')).toBe(Refusal.tooManyWildcardForms)
  expect(rule(RuleKind.suffix, 'a')).toBeUndefined()
  expect(rule(RuleKind.suffix, 'b')).toBe(Refusal.tooManyNames)
})

test.each(['(?:.*)', '.{1,}', '\\w', 'x*', 'a|', '^.*\\..*$', '[^ ]+', '(?i).*', '\\.', '^[^.]+\\.', '(?:)', 'a|[b-z]'])(
  'an expression that matches names with nothing in common is refused: %s',
  (source) => {
    const list = new MatcherBuilder({ seed: 1 }).addList('a')
    expect(list.rule(RuleKind.regexp, source, false, false)).toBe(Refusal.tooBroad)
  },
)

test('a keyword of one character is refused', () => {
  const list = new MatcherBuilder({ seed: 1 }).addList('a')
  expect(list.rule(RuleKind.keyword, 'e', false, false)).toBe(Refusal.tooBroad)
  expect(list.rule(RuleKind.keyword, 'qq', false, false)).toBeUndefined()
})

test('classes of Unicode are refused uncompiled', () => {
  const list = new MatcherBuilder({ seed: 1 }).addList('a')
  expect(list.rule(RuleKind.regexp, 'x\\pL', false, false)).toBe(Refusal.badRegexp)
  expect(list.rule(RuleKind.regexp, 'x[^\\P{Greek}]', false, false)).toBe(Refusal.badRegexp)
})

test('a list that takes all it may leaves the others theirs, in the next matcher too', () => {
  const limits = { regexps: 3, unfilteredRegexps: 2, keywords: 2, wildcardForms: 1 }
  const mine = [regexp('^a[0-9]'), except(regexp('^b[0-9]')), keyword('ads'), wildcard('*.org')]
  const greedy = [...mine, regexp('^c[0-9]'), regexp('^d[0-9]'), keyword('trk'), keyword('pix'), wildcard('x.*')]
  const builder = new MatcherBuilder({ seed: 1, limits })
  const fill = (name: string, rules: readonly Rule[]) => {
    const list = builder.addList(name)
    return rules.map(({ kind, pattern, exception = false }) => list.rule(kind, pattern, exception, false))
  }
  expect(fill('greedy', greedy).slice(mine.length)).toEqual([
    Refusal.tooManyRegexps,
    Refusal.tooManyRegexps,
    undefined,
    Refusal.tooManyKeywords,
    Refusal.tooManyWildcardForms,
  ])
  expect(fill('mine', mine)).toEqual(mine.map(() => undefined))
  const before = new Matcher(builder.build())
  const next = new MatcherBuilder({ seed: 2, limits })
  expect([...next.addList('mine').copy(before, 1)]).toEqual([])
  expect(next.addList('greedy').copy(before, 0).size).toBe(0)
  const smaller = new MatcherBuilder({ seed: 2, limits: { ...limits, keywords: 1 } })
  expect([...smaller.addList('greedy').copy(before, 0)]).toEqual([[Refusal.tooManyKeywords, 1]])
})

test('once prepared, a name compiles nothing', () => {
  const rules = [regexp('^ads[0-9]'), regexp('^track|pixel$'), regexp('^x+[0-9]'), keyword('abc'), suffix('a.org')]
  const matcher = matcherOf({ a: rules })
  const compile = vi.spyOn(RE2JS, 'compile')
  const compileSet = vi.spyOn(RE2Set.prototype, 'compile')
  let steps = 0
  for (const _ of matcher.prepare()) steps++
  expect([steps, compile.mock.calls.length, compileSet.mock.calls.length]).toEqual([2, 2, 1])
  for (const name of ['ads1.net', 'x1.net', 'abc.net', 'my.pixel']) expect(feeds(matcher, name)).toEqual(['a'])
  expect([compile.mock.calls.length, compileSet.mock.calls.length]).toEqual([2, 1])
  vi.restoreAllMocks()
})

test('a catastrophic regular expression takes no time to speak of', () => {
  const matcher = matcherOf({ a: [regexp('^(a+)+$'), regexp('(a|aa)+b$'), regexp('^(.*)*(.*)*(.*)*!$')] })
  const labels = Array.from({ length: 4 }, () => 'a'.repeat(62)).join('.')
  for (let i = 0; i < 100; i++) expect(feeds(matcher, `${labels.slice(0, 200)}c${i}`)).toEqual([])
})

test('regular expressions that take too long are left out for a while, and counted; other rules are not', () => {
  let now = 0
  let costMs = 60
  const matcher = new Matcher(matcherOf({ a: [regexp('^a[0-9]'), suffix('b.org')] }).buffer, { now: () => (now += costMs) })
  const isMatched = (text: string) => matcher.match(textToName(text)!, 0) !== NO_MATCH
  const first = Array.from({ length: 10 }, () => isMatched('a1.org'))
  expect(first.slice(0, 8)).toEqual([true, true, true, false, false, false, false, false])
  expect(matcher.untriedRegexps).toEqual([5])
  expect(isMatched('a1.b.org')).toBe(true)
  costMs = 0
  now += 1000
  expect(isMatched('a1.org')).toBe(true)
})

test('what a keyword matched is told even after as many other verdicts as are kept', () => {
  const builder = new MatcherBuilder({ seed: 1 })
  const list = builder.addList('a')
  for (let i = 0; i < 70_000; i++) list.rule(RuleKind.exact, `n${i}.org`, false, false)
  list.rule(RuleKind.keyword, 'ads', false, false)
  const matcher = new Matcher(builder.build())
  const tell = (name: string) => matcher.verdict(match(matcher, name))
  expect(tell('ads.net')).toEqual([{ list: 'a', rule: 'keyword:ads' }])
  for (let i = 0; i < 66_000; i++) tell(`n${i}.org`)
  expect(tell('ads.net')).toEqual([{ list: 'a', rule: 'keyword:ads' }])
})

test('bytes that are no matcher are refused', () => {
  expect(() => new Matcher(new ArrayBuffer(8))).toThrow('no matcher')
  expect(() => new Matcher(new ArrayBuffer(1024))).toThrow('no matcher')
})

test('a shared buffer serves as well', () => {
  const builder = new MatcherBuilder({ seed: 1 })
  builder.addList('a').rule(RuleKind.suffix, 'example.org', false, false)
  const buffer = builder.build((lengthBytes) => new SharedArrayBuffer(lengthBytes))
  expect(feeds(new Matcher(buffer), 'www.example.org')).toEqual(['a'])
})
