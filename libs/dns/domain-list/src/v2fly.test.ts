import { expect, test } from 'vitest'
import { collect, fixture, rulesOf, utf8 } from '../test/collect.ts'

/** The fixtures beside the list, as the lists it may include. */
function fixtureOrNothing(name: string): Uint8Array | undefined {
  try {
    return fixture(name)
  } catch {
    return undefined
  }
}

test('the fixture: types, attributes and includes', () => {
  expect(collect([fixture('v2fly')], 'v2fly', { include: fixtureOrNothing }).entries).toEqual([
    '2 suffix other.example',
    '2 exact other2.example',
    '2 suffix third.example',
    '2 skip include-cycle v2fly-third:3: include:v2fly-other',
    '3 suffix other.example',
    '3 skip include-cycle v2fly-third:3: include:v2fly-other',
    '4 skip include-not-found include:v2fly-missing',
    '5 skip bad-syntax include:../../etc/passwd',
    '6 suffix example.com',
    '7 suffix a.example',
    '8 exact b.example',
    '9 exact b2.example',
    '10 keyword google',
    '11 skip bad-keyword слово',
    '12 regexp ^ad[0-9]+\\.example$',
    '13 skip too-broad .*',
    '14 suffix upper.example',
    '15 skip unsupported-rule unknown:x.example',
    '16 skip bad-syntax c.example extra',
    '17 suffix xn--e1afmkfd.xn--p1ai',
  ])
})

const lists: Record<string, string> = {
  main: 'plain.example\nfull:cn.example @cn\nkeyword:both @cn @ads\ninclude:other @cn @-ads',
  other: 'cn2.example @cn\nads.example @cn @ads\nnone.example\ninclude:deeper',
  deeper: 'cn3.example @CN\nnone2.example',
}
const include = (name: string) => (lists[name] === undefined ? undefined : utf8(lists[name]))

test('an include takes the entries with its attributes, also from what is included there', () => {
  expect(rulesOf(lists.main!, 'v2fly', { include })).toEqual([
    'suffix plain.example',
    'exact cn.example',
    'keyword both',
    'suffix cn2.example',
    'suffix cn3.example',
  ])
})

test('the attributes asked for hold for the list and for its includes', () => {
  expect(rulesOf(lists.main!, 'v2fly', { include, attributes: ['@cn', '-ads'] })).toEqual([
    'exact cn.example',
    'suffix cn2.example',
    'suffix cn3.example',
  ])
})

test('a list that doubles its includes at every level is read once', () => {
  const double = (name: string) => {
    const level = Number(name.slice(1))
    return utf8(level < 20 ? `include:l${level + 1}\ninclude:l${level + 1}\n` : 'deep.example')
  }
  expect(rulesOf('include:l0', 'v2fly', { include: double })).toEqual(['suffix deep.example'])
})

test('includes without end stop at a depth, and so do ever new conditions', () => {
  const endless = (name: string) => utf8(`include:${name}x`)
  expect(rulesOf('include:a', 'v2fly', { include: endless })).toEqual([
    expect.stringMatching(/^skip include-too-deep a+x+:1: include:ax+$/),
  ])
  const conditions = (name: string) => utf8(`include:${name}x ${Array.from({ length: 5 }, (_, i) => `@${name}${i}`).join(' ')}`)
  expect(rulesOf('include:a', 'v2fly', { include: conditions })).toEqual([expect.stringMatching(/^skip include-refused /)])
})

test('a name that could leave the folder is not asked for', () => {
  const asked: string[] = []
  const ask = (name: string) => {
    asked.push(name)
    return undefined
  }
  rulesOf('include:../x\ninclude:/etc/x\ninclude:.x\ninclude:a/b\ninclude:Geolocation-!CN', 'v2fly', { include: ask })
  expect(asked).toEqual(['geolocation-!cn'])
})
