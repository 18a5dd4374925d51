/**
 * What every Bus must do, whatever carries it. Run by LocalBus (unit) and NatsBus (integration); imported as
 * `@dnstap-bgp/bus/conformance` by tests only, because it needs vitest.
 *
 * openPair gives two ends of one bus: two connections to one server, or the same LocalBus twice.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Bus } from '../src/bus.ts'
import { callTests } from './call-tests.ts'
import type { Ends } from './notes.ts'
import { publishTests } from './publish-tests.ts'
import { queueTests } from './queue-tests.ts'
import { streamCallTests } from './stream-call-tests.ts'

export function busConformance(name: string, openPair: () => Promise<readonly [Bus, Bus]>): void {
  describe(`${name} is a bus`, () => {
    const ends = {} as Ends
    beforeEach(async () => {
      ;[ends.near, ends.far] = await openPair()
    })
    afterEach(async () => {
      await ends.near.close()
      await ends.far.close()
    })

    test('says it is connected', () => {
      expect(ends.near.state).toBe('connected')
    })

    describe('publish and subscribe', () => publishTests(ends))
    describe('enqueue and consume', () => queueTests(ends))
    describe('serve and ask', () => callTests(ends))
    describe('serve and ask a stream', () => streamCallTests(ends))
  })
}
