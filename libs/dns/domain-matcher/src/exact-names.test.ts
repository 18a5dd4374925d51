import { RuleKind } from '@dnstap-bgp/domain-list'
import { expect, test } from 'vitest'
import { MatcherBuilder } from './matcher-builder.ts'
import { Matcher } from './matcher.ts'

test('the names that a list has exactly are told, without those that another list or rule takes out', () => {
  const builder = new MatcherBuilder({ seed: 1 })
  const list = builder.addList('a')
  list.rule(RuleKind.exact, 'www.example.org', false, false)
  list.rule(RuleKind.exact, 'both.example.net', false, false)
  list.rule(RuleKind.suffix, 'both.example.net', false, false)
  list.rule(RuleKind.suffix, 'suffix.example.org', false, false)
  list.rule(RuleKind.exact, 'gone.example.org', false, false)
  list.rule(RuleKind.exact, 'gone.example.org', true, true)
  list.rule(RuleKind.exact, 'exception.example.org', true, false)
  expect([...new Matcher(builder.build()).exactNames()].sort()).toEqual(['both.example.net', 'www.example.org'])
})

test('among many names others get their turn', () => {
  const builder = new MatcherBuilder({ seed: 1 })
  const list = builder.addList('a')
  for (let i = 0; i < 10_000; i++) list.rule(RuleKind.suffix, `n${i}.org`, false, false)
  expect([...new Matcher(builder.build()).exactNames()]).toEqual([undefined, undefined])
})
