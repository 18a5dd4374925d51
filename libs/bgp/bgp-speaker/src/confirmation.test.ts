import type { RouteStanding } from '@dnstap-bgp/route-table'
import { expect, test } from 'vitest'
import { Confirmation } from './confirmation.ts'

const PREFIX = '192.0.2.7/32'

function peer(standing: RouteStanding = 'due') {
  const state = { isUp: true, standing, written: 0, taken: 0 }
  return {
    state,
    get isUp() {
      return state.isUp
    },
    get progress() {
      return { written: state.written, taken: state.taken }
    },
    standing: () => state.standing,
  }
}

test('a route is confirmed when the kernel has taken what had been written when the peer was told', () => {
  const one = peer()
  const confirmation = new Confirmation(PREFIX)
  expect(confirmation.isComplete([one])).toBe(false)
  Object.assign(one.state, { standing: 'told', written: 500, taken: 100 })
  expect(confirmation.isComplete([one])).toBe(false)
  // Later UPDATEs wait, and these octets do not.
  Object.assign(one.state, { written: 9000, taken: 500 })
  expect(confirmation.isComplete([one])).toBe(true)
})

test('a route that the peer has, with nothing on its way, is confirmed at once', () => {
  const one = peer('told')
  Object.assign(one.state, { written: 500, taken: 500 })
  expect(new Confirmation(PREFIX).isComplete([one])).toBe(true)
})

test('each peer that confirms must have the route', () => {
  const [one, other] = [peer('told'), peer('due')]
  const confirmation = new Confirmation(PREFIX)
  expect(confirmation.isComplete([one, other])).toBe(false)
  other.state.standing = 'told'
  expect(confirmation.isComplete([one, other])).toBe(true)
})

test('a peer without a session is not waited for, nor one that does not get the route; and without any peer nothing is', () => {
  const [away, elsewhere] = [peer('due'), peer('not for it')]
  away.state.isUp = false
  expect(new Confirmation(PREFIX).isComplete([away, elsewhere])).toBe(true)
  expect(new Confirmation(PREFIX).isComplete([])).toBe(true)
})

test('a peer whose session came up again must be handed the route again', () => {
  const one = peer('told')
  Object.assign(one.state, { written: 500, taken: 100 })
  const confirmation = new Confirmation(PREFIX)
  expect(confirmation.isComplete([one])).toBe(false)
  Object.assign(one.state, { standing: 'due', taken: 500 })
  expect(confirmation.isComplete([one])).toBe(false)
  Object.assign(one.state, { standing: 'told', written: 900 })
  expect(confirmation.isComplete([one])).toBe(false)
  one.state.taken = 900
  expect(confirmation.isComplete([one])).toBe(true)
})
