import { RuleKind } from '@dnstap-bgp/domain-list'
import { nameToText } from '@dnstap-bgp/dns-wire'
import { expect, test } from 'vitest'
import { listedNames } from './listed-names.ts'
import { Matcher } from './matcher.ts'
import { MatcherBuilder } from './matcher-builder.ts'

const { suffix, exact, subdomains, wildcard, keyword, regexp } = RuleKind

test('every name of a rule comes in wire format, not those of exceptions, keywords and of stars in the middle', () => {
  const builder = new MatcherBuilder({ seed: 7 })
  const one = builder.addList('one')
  const other = builder.addList('other')
  one.rule(suffix, 'Example.org', false, false)
  one.rule(exact, 'www.example.com', false, false)
  one.rule(wildcard, '*.star.example', false, false)
  one.rule(wildcard, 'a.*.middle.example', false, false)
  one.rule(suffix, 'excepted.example.org', true, false)
  one.rule(keyword, 'word', false, false)
  one.rule(regexp, '^x[0-9]', false, false)
  other.rule(subdomains, 'below.example', false, false)
  const names = Array.from(listedNames(new Matcher(builder.build())), (wire) => nameToText(wire, 0))
  expect(names.sort()).toEqual(['below.example', 'example.org', 'star.example', 'www.example.com'])
})
