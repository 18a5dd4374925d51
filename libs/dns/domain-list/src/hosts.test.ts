import { expect, test } from 'vitest'
import { collect, fixture, rulesOf } from '../test/collect.ts'

test("the fixture: each name for itself, none of the machine's own", () => {
  expect(collect([fixture('hosts.txt')], 'hosts').entries).toEqual([
    '2 skip local-name localhost',
    '2 skip local-name localhost.localdomain',
    '3 skip local-name localhost',
    '3 skip local-name ip6-localhost',
    '3 skip local-name ip6-loopback',
    '4 skip local-name localhost',
    '5 skip local-name broadcasthost',
    '6 skip local-name ip6-allnodes',
    '7 skip local-name 0.0.0.0',
    '8 exact ads.example',
    '9 exact tracker.example',
    '10 skip local-name local',
    '11 exact localized.example',
    '12 exact xn--e1afmkfd.xn--p1ai',
    '13 exact tab.example',
    '13 exact alias.example',
    '13 exact alias2.example',
    '14 exact nas.home.arpa',
    '15 exact six.example',
    '16 skip no-name 0.0.0.0',
    '17 skip no-name 0.0.0.0 # nothing',
    '18 skip bad-syntax example.org',
    '19 skip empty-label bad..example',
    '20 skip bad-character *.wild.example',
    '21 skip bad-syntax 300.0.0.1 badaddress.example',
  ])
})

test('a line that begins like the one before is read the same', () => {
  const second = (line: string) => rulesOf(`0.0.0.0 a.example\n${line}`, 'hosts').slice(1)
  expect(second('0.0.0.0 LocalHost')).toEqual(['skip local-name LocalHost'])
  expect(second('0.0.0.0 logs.example')).toEqual(['exact logs.example'])
  expect(second('0.0.0.0 192.0.2.1')).toEqual(['skip local-name 192.0.2.1'])
  expect(second('0.0.0.0 b.example c.example')).toEqual(['exact b.example', 'exact c.example'])
  expect(second('0.0.0.0.b.example')).toEqual(['skip bad-syntax 0.0.0.0.b.example'])
})
