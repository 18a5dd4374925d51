import { RuleKind } from '@dnstap-bgp/domain-list'
import { expect, test } from 'vitest'
import { compareMatchers } from './difference.ts'
import { Matcher } from './matcher.ts'
import { MatcherBuilder } from './matcher-builder.ts'

type Rules = readonly (readonly [kind: RuleKind, pattern: string, exception?: boolean])[]

function matcherOf(seed: number, lists: Readonly<Record<string, Rules>>): Matcher {
  const builder = new MatcherBuilder({ seed })
  for (const [name, rules] of Object.entries(lists)) {
    const list = builder.addList(name)
    for (const [kind, pattern, exception = false] of rules) list.rule(kind, pattern, exception, false)
  }
  return new Matcher(builder.build())
}

const { suffix, exact, wildcard, keyword, regexp } = RuleKind

test('names are counted for the list they came to or left, whatever the seeds and the order of lists', () => {
  const before = matcherOf(1, {
    one: [
      [suffix, 'stays.org'],
      [suffix, 'goes.org'],
      [suffix, 'narrows.org'],
      [suffix, 'excepted.org'],
      [wildcard, '*.stays.org'],
      [keyword, 'goes'],
    ],
    two: [[suffix, 'goes.org']],
    gone: [[suffix, 'stays.org']],
  })
  const after = matcherOf(2, {
    two: [
      [suffix, 'goes.org'],
      [suffix, 'stays.org'],
    ],
    one: [
      [suffix, 'stays.org'],
      [exact, 'narrows.org'],
      [suffix, 'excepted.org'],
      [suffix, 'excepted.org', true],
      [wildcard, '*.stays.org'],
      [wildcard, '*.comes.org'],
      [regexp, '^comes'],
    ],
  })
  expect(compareMatchers(before, after)).toEqual([
    { list: 'two', added: 1, removed: 0, changed: 0 },
    { list: 'one', added: 2, removed: 2, changed: 2 },
    { list: 'gone', added: 0, removed: 1, changed: 0 },
  ])
  expect(compareMatchers(after, after).every(({ added, removed, changed }) => added + removed + changed === 0)).toBe(true)
})

test('a list copied from a matcher to the next is the same list', () => {
  const before = matcherOf(1, {
    one: [
      [suffix, 'a.org'],
      [exact, 'a.org', true],
      [wildcard, 'a.*.org'],
      [keyword, 'ads'],
      [regexp, '^x+'],
    ],
    two: [
      [suffix, 'a.org'],
      [suffix, '.'],
    ],
  })
  const builder = new MatcherBuilder({ seed: 2 })
  for (const index of [1, 0]) builder.addList(before.lists[index]!.name).copy(before, index)
  const after = new Matcher(builder.build())
  expect(after.lists).toEqual([before.lists[1], before.lists[0]])
  for (const { added, removed, changed } of compareMatchers(before, after)) expect([added, removed, changed]).toEqual([0, 0, 0])
})
