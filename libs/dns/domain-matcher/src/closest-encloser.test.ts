import { textToName } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Matcher, NO_MATCH } from './matcher.ts'
import { MatcherBuilder } from './matcher-builder.ts'

/** A zone as a response policy zone writes it: owner, and whether its policy is to pass. `*.x` is the wildcard below x. */
type Zone = Readonly<Record<string, 'steer' | 'pass'>>

function matcherOf(zone: Zone, others: Zone = {}): Matcher {
  const builder = new MatcherBuilder({ seed: 7 })
  addZone(builder, 'zone', zone)
  addZone(builder, 'other', others)
  return new Matcher(builder.build())
}

function addZone(builder: MatcherBuilder, name: string, zone: Zone): void {
  const list = builder.addList(name)
  for (const [owner, policy] of Object.entries(zone)) {
    const kind = owner.startsWith('*.') ? RuleKind.subdomains : RuleKind.exact
    expect(list.rule(kind, owner.replace(/^\*\./, ''), policy === 'pass', false)).toBeUndefined()
  }
  list.asZone()
}

function feeds(matcher: Matcher, name: string): string[] {
  const wire = textToName(name)
  if (wire === undefined) throw new Error(`${name} is no name`)
  const id = matcher.match(wire, 0)
  return id === NO_MATCH ? [] : matcher.verdict(id).map(({ list }) => list)
}

/** RFC 4592 §3.3.1 word by word, over a set of owners. */
function policyInZone(zone: Zone, name: string): 'steer' | 'pass' | undefined {
  const owners = Object.keys(zone)
  const exists = (node: string) => owners.some((owner) => owner === node || owner.endsWith(`.${node}`))
  if (exists(name)) return zone[name]
  let encloser = name
  while (encloser !== '' && !exists(encloser)) encloser = encloser.split('.').slice(1).join('.')
  return encloser === '' ? undefined : zone[`*.${encloser}`]
}

describe('RFC 4592 §3.3.1: a wildcard of a zone reaches only names whose closest encloser is its parent', () => {
  const matcher = matcherOf({ '*.tld0': 'steer', 'ok.tld0': 'pass', 'a.b.tld0': 'steer', '*.w.tld0': 'steer' })
  test.each([
    ['x.tld0', ['zone']],
    ['y.x.tld0', ['zone']],
    ['ok.tld0', []],
    ['x.ok.tld0', []],
    ['b.tld0', []],
    ['c.b.tld0', []],
    ['a.b.tld0', ['zone']],
    ['x.a.b.tld0', []],
    ['w.tld0', []],
    ['x.w.tld0', ['zone']],
    ['tld0', []],
  ])('%s feeds %j', (name, lists) => expect(feeds(matcher, name)).toEqual(lists))
})

test('a name that exists in one zone hides nothing of another list', () => {
  const matcher = matcherOf({ '*.tld0': 'steer', 'ok.tld0': 'steer' }, { '*.tld0': 'steer' })
  expect(feeds(matcher, 'x.ok.tld0')).toEqual(['other'])
})

test('explain says why a wildcard does not reach the name', () => {
  const explanation = matcherOf({ '*.tld0': 'steer', 'ok.tld0': 'steer' }).explain('x.ok.tld0')
  expect(explanation?.feeds).toEqual([])
  expect(explanation?.why).toEqual(['.tld0 of list zone does not reach x.ok.tld0: a name on the way down exists in that zone'])
})

test('a list that is copied from an older matcher keeps the reach of its wildcards', () => {
  const older = matcherOf({ '*.tld0': 'steer', 'ok.tld0': 'pass' })
  const builder = new MatcherBuilder({ seed: 8 })
  builder.addList('zone').copy(older, 0)
  expect(feeds(new Matcher(builder.build()), 'x.ok.tld0')).toEqual([])
})

test('a zone that has no room for the marks is refused', () => {
  const builder = new MatcherBuilder({ seed: 7, limits: { names: 2 } })
  const list = builder.addList('zone')
  list.rule(RuleKind.subdomains, 'tld0', false, false)
  list.rule(RuleKind.exact, 'a.b.tld0', false, false)
  list.asZone()
  builder.build()
  expect(list.zoneRefusal()).toBe('too-many-names')
})

test('marks are not counted as rules or names of the list', () => {
  expect(matcherOf({ '*.tld0': 'steer', 'ok.tld0': 'pass' }).lists[0]).toMatchObject({ names: 2, rules: 2, duplicates: 0 })
})

test('any zone gives every name the policy that RFC 4592 gives it', () => {
  const label = fc.constantFrom('a', 'b', 'c')
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
  const owner = fc.tuple(fc.boolean(), name).map(([isWildcard, text]) => (isWildcard ? `*.${text}` : text))
  const zone = fc.dictionary(owner, fc.constantFrom('steer', 'pass'), { maxKeys: 8 })
  fc.assert(
    fc.property(zone, fc.array(name, { minLength: 1, maxLength: 10 }), (records, names) => {
      const matcher = matcherOf(records)
      for (const each of names)
        expect([each, feeds(matcher, each)]).toEqual([each, policyInZone(records, each) === 'steer' ? ['zone'] : []])
    }),
    { numRuns: 500 },
  )
})
