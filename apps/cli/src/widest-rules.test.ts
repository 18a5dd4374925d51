import { ListParser, RuleKind } from '@dnstap-bgp/domain-list'
import { Matcher, MatcherBuilder } from '@dnstap-bgp/domain-matcher'
import { expect, test } from 'vitest'
import { caughtBy, Conflicts, WidestRules } from './widest-rules.ts'

function matcherOf(lists: Record<string, string>): Matcher {
  const builder = new MatcherBuilder({ seed: 1 })
  for (const [name, text] of Object.entries(lists)) {
    const rules = builder.addList(name)
    const parser = new ListParser(
      'plain',
      {},
      {
        rule: (kind, pattern, exception, important) => void rules.rule(kind, pattern, exception, important),
        address: () => {},
        skip: () => {},
      },
    )
    parser.push(Buffer.from(text))
    parser.end()
  }
  return new Matcher(builder.build((lengthBytes) => new ArrayBuffer(lengthBytes)))
}

let line = 0
const rule = (kind: RuleKind, pattern: string, exception = false) => ({
  ...{ kind, pattern, exception, important: false, file: 'list.txt' },
  line: ++line,
})

test('the widest rules are those with the fewest labels; keywords and expressions come first, exact names never', () => {
  const widest = new WidestRules()
  line = 0
  for (let i = 0; i < 20; i++) widest.add(rule(RuleKind.suffix, `a.b.c${i}.example`))
  widest.add(rule(RuleKind.exact, 'com'))
  widest.add(rule(RuleKind.suffix, 'net', true))
  widest.add(rule(RuleKind.suffix, 'com'))
  widest.add(rule(RuleKind.keyword, 'ads'))
  widest.add(rule(RuleKind.wildcard, '*.example'))
  expect(widest.lines).toHaveLength(10)
  expect(widest.lines.slice(0, 4)).toEqual([
    'keyword:ads (line 24)',
    'com (line 23)',
    '*.example (line 25)',
    'a.b.c0.example (line 1)',
  ])
})

test('names that are on other lists too are shown, and exceptions that take names out of those', () => {
  const conflicts = new Conflicts(matcherOf({ video: 'a.example\nb.example\n', work: 'a.example\n' }))
  for (const pattern of ['a.example', 'www.a.example', 'c.example']) conflicts.add(rule(RuleKind.suffix, pattern))
  conflicts.add(rule(RuleKind.suffix, 'b.example', true))
  expect(conflicts.lines).toEqual([
    'also on list "video": a.example, www.a.example',
    'also on list "work": a.example, www.a.example',
    'an exception for names of list "video": @@b.example',
  ])
})

test('the names that a rule catches are counted, the widest rule first', () => {
  const names = ['www.a.example', 'a.example', 'x.b.example', 'other.test'].map((name) => ({ name }))
  expect(caughtBy(matcherOf({ tried: 'a.example\nb.example\n' }), names)).toEqual([
    'a.example catches 2: www.a.example, a.example',
    'b.example catches 1: x.b.example',
  ])
})
