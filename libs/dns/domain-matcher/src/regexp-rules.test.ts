import { textToName } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { RE2JS } from 're2js'
import { afterEach, expect, test, vi } from 'vitest'
import { Matcher, NO_MATCH } from './matcher.ts'
import { MatcherBuilder } from './matcher-builder.ts'
import { DEFAULT_MATCHER_LIMITS } from './matcher-limits.ts'
import { MAX_WORK } from './regexp-rules.ts'

afterEach(() => vi.restoreAllMocks())

interface Expression {
  readonly source: string
  readonly exception?: boolean
}

/** Lists of regular expressions; what is refused for a limit is left out. */
function matcherOf(lists: Readonly<Record<string, readonly Expression[]>>): Matcher {
  const builder = new MatcherBuilder({ seed: 3 })
  for (const [name, expressions] of Object.entries(lists)) {
    const list = builder.addList(name)
    for (const { source, exception = false } of expressions) list.rule(RuleKind.regexp, source, exception, false)
  }
  return new Matcher(builder.build())
}

function feeds(matcher: Matcher, name: string): string[] {
  const id = matcher.match(textToName(name) ?? new Uint8Array(1), 0)
  return id === NO_MATCH ? [] : matcher.verdict(id).map(({ list }) => list)
}

/** Each costs the engine its whole program for each octet of a name of letters a and b. */
const hostile = Array.from({ length: 300 }, (_, i) => ({ source: `abcabc(a|b|[.])*a(a|b|[.]){80}(?:x${i})$` }))
const longName = `www.abcabc${'ab'.repeat(20)}.${'ba'.repeat(25)}.${'ab'.repeat(30)}.org`

/** Instructions times octets of every try while `run` runs. */
function workOf(run: () => void): number {
  let work = 0
  const { test: tryOne } = RE2JS.prototype
  vi.spyOn(RE2JS.prototype, 'test').mockImplementation(function (this: RE2JS, input) {
    work += this.programSize() * input.length
    return tryOne.call(this, input)
  })
  run()
  return work
}

test('a hostile list may compile to a bounded number of instructions', () => {
  const list = new MatcherBuilder({ seed: 3 }).addList('hostile')
  const refusals = hostile.map(({ source }) => list.rule(RuleKind.regexp, source, false, false))
  const taken = hostile.filter((_, i) => refusals[i] === undefined)
  const size = taken.reduce((sum, { source }) => sum + RE2JS.compile(source, RE2JS.CASE_INSENSITIVE).programSize(), 0)
  expect(size).toBeLessThanOrEqual(DEFAULT_MATCHER_LIMITS.regexpsSize)
  expect(taken.length).toBeGreaterThan(100)
  expect(refusals.at(-1)).toBe('too-many-regexps')
})

test('a name costs a bounded amount of work, and the list that wants more is told what it lost', () => {
  const matcher = matcherOf({ hostile })
  const work = workOf(() => expect(feeds(matcher, longName)).toEqual([]))
  expect(work).toBeLessThanOrEqual(MAX_WORK)
  expect(matcher.untriedRegexps[0]).toBeGreaterThan(100)
})

test('a hostile list does not take the work of another list', () => {
  const matcher = matcherOf({ hostile, honest: [{ source: '^www\\.abcabc[ab]+\\.' }] })
  expect(feeds(matcher, longName)).toEqual(['honest'])
  expect(matcher.untriedRegexps[1]).toBe(0)
})

test('the verdict is the same in every process', () => {
  const lists = { hostile, honest: [{ source: '^www\\.abcabc[ab]+\\.' }, { source: 'abcabc.*org$' }] }
  const names = Array.from({ length: 12 }, (_, i) => `n${i}.${longName}`)
  const [one, other] = [matcherOf(lists), matcherOf(lists)]
  for (const name of names.slice(0, 6)) feeds(other, name) // it has seen other names before
  expect(names.map((name) => feeds(one, name))).toEqual(names.map((name) => feeds(other, name)))
})

test('a name is not listed when an exception could not be tried on it', () => {
  const exception = { source: `abcabc(a|b|[.])*a(a|b|[.]){140}z$`, exception: true }
  const matcher = matcherOf({ mine: [{ source: '^www\\.abcabc' }, exception] })
  expect(feeds(matcher, 'www.abcabc.org')).toEqual(['mine'])
  expect(feeds(matcher, longName)).toEqual([])
  expect(matcher.explain(longName)?.why).toEqual([
    `${longName} is not listed: exceptions that are regular expressions would take too long to try on it`,
  ])
})

test('expressions without fixed text are tried one by one when the set of them is too much work', () => {
  const costly = Array.from({ length: 8 }, (_, i) => ({ source: `[a-c]{60}[0-9]{${i + 1}}$` }))
  const matcher = matcherOf({ mine: [...costly, { source: '^[w]{3}[.]' }] })
  expect(feeds(matcher, longName)).toEqual(['mine'])
  expect(matcher.untriedRegexps[0]).toBeGreaterThan(0)
})

test('what the engine remembers is bounded: the expressions compiled first are given up and compiled again when needed', () => {
  const matcher = matcherOf({ mine: [{ source: '^www\\.abcabc(a|b|[.]){20}' }] })
  const compile = vi.spyOn(RE2JS, 'compile')
  for (let i = 0; i < 600; i++) expect(feeds(matcher, longName)).toEqual(['mine'])
  expect(compile.mock.calls.length).toBeGreaterThan(1)
})
