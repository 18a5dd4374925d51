import { expect, test } from 'vitest'
import type { ListPreviewReply } from '@dnstap-bgp/admin-api'
import { describePreview } from './describe-preview.ts'

const same = { state: 'fresh', why: null, added: 0, removed: 0, changed: 0, addressesAdded: 0, addressesRemoved: 0 } as const
const line = (preview: Partial<ListPreviewReply>) =>
  describePreview({ config: '/etc/x.toml', lists: [], removed: [], routesGoing: 0, needsRestart: [], ...preview }, '/etc/x.toml')

test('names that come and go, and the routes that would go with them', () => {
  expect(line({ lists: [{ ...same, name: 'video', added: 120, removed: 3 }], routesGoing: 14 })).toBe(
    'video: +120 −3 names; 14 live routes would go',
  )
})

test('lists that do not change are not shown', () => {
  expect(line({ lists: [{ ...same, name: 'video' }] })).toBe('no list would change; 0 live routes would go')
  expect(
    line({
      lists: [
        { ...same, name: 'a' },
        { ...same, name: 'b', removed: 1 },
      ],
      routesGoing: 1,
    }),
  ).toBe('b: +0 −1 names; 1 live route would go')
})

test('other rules, addresses, lists that go and lists that would not be taken', () => {
  expect(
    line({
      lists: [
        { ...same, name: 'a', changed: 2, addressesAdded: 5, addressesRemoved: 1 },
        { ...same, name: 'b', state: 'refused', why: 'b.txt holds no rule' },
        { ...same, name: 'c', added: 4, state: 'cached', why: 'it answers 503' },
      ],
      removed: ['old'],
    }),
  ).toBe(
    'a: +0 −0 names, 2 with other rules, +5 −1 addresses; b: would be refused (b.txt holds no rule); ' +
      'c: +4 −0 names, would be cached (it answers 503); old: gone; 0 live routes would go',
  )
})

test('settings that wait for the next start are named', () => {
  expect(line({ needsRestart: ['bgp.as', 'log.level'] })).toBe(
    'no list would change; 0 live routes would go; a restart is needed for bgp.as, log.level',
  )
})

test('if the instance runs by another file, only that is said', () => {
  expect(line({ config: '/etc/other.toml', removed: ['a'] })).toBe(
    'the running instance uses /etc/other.toml, not this file: no preview',
  )
})
