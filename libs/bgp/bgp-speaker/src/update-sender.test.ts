import { FakeClock } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import { SendTurns } from './send-turns.ts'
import { UpdateSender } from './update-sender.ts'

const KIB = 1024

/** A sender with so many octets to say, a socket that takes nothing by itself, and turns by hand. */
function make(octets: number) {
  const clock = new FakeClock()
  const turns: (() => void)[] = []
  const outlet = {
    writable: true,
    writableLength: 0,
    writes: [] as number[],
    /** Called when the kernel takes what waits. */
    onTaken: [] as (() => void)[],
    write: (bytes: Uint8Array, onTaken?: () => void) => {
      outlet.writes.push(bytes.length)
      outlet.writableLength += bytes.length
      if (onTaken !== undefined) outlet.onTaken.push(onTaken)
    },
  }
  let left = octets
  const adjRibOut = {
    get pending() {
      return left > 0
    },
    next: (budgetBytes: number) => {
      const now = Math.min(left, budgetBytes)
      left -= now
      return new Uint8Array(now)
    },
  }
  let sent = 0
  let taken = 0
  const sender = new UpdateSender({
    adjRibOut,
    clock,
    turns: new SendTurns(clock, (run) => turns.push(run)),
    maxInFlightBytes: 256 * KIB,
    onSent: (bytes) => (sent += bytes),
    onTaken: () => taken++,
  })
  const run = () => {
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn()
  }
  return { sender, outlet, clock, run, turns, sent: () => sent, taken: () => taken }
}

describe('UPDATEs to a peer', () => {
  test('are sent a share in each turn, and no more than may wait in our process', () => {
    const { sender, outlet, run, sent } = make(1024 * KIB)
    sender.open(outlet)
    sender.wake()
    run()
    expect(outlet.writes.slice(0, 4)).toEqual([8 * KIB, 16 * KIB, 32 * KIB, 64 * KIB])
    expect(Math.max(...outlet.writes)).toBe(64 * KIB)
    expect(sent()).toBe(256 * KIB)
    outlet.writableLength = 0 // `drain`
    sender.wake()
    run()
    expect(sent()).toBe(512 * KIB)
  })

  test('are drained when the kernel has taken the last octet', async () => {
    const { sender, outlet, clock, run } = make(10 * KIB)
    sender.open(outlet)
    let isDrained = false
    const drained = sender.drained().then(() => (isDrained = true))
    run()
    clock.advance(10)
    run()
    await Promise.resolve()
    expect(isDrained).toBe(false)
    outlet.writableLength = 0
    clock.advance(10)
    run()
    await drained
    expect(outlet.writes).toEqual([8 * KIB, 2 * KIB])
  })

  test('are told of when the kernel has taken them, and until then their octets are counted', () => {
    const { sender, outlet, run, taken } = make(KIB)
    sender.open(outlet)
    sender.wake()
    run()
    expect([sender.untaken, taken()]).toEqual([KIB, 0])
    outlet.writableLength = 0
    for (const onTaken of outlet.onTaken) onTaken()
    expect([sender.untaken, taken()]).toEqual([0, 1])
  })

  test('are not waited for without a session, nor when it ends', async () => {
    const { sender, outlet, turns } = make(KIB)
    await sender.drained()
    sender.open(outlet)
    const drained = sender.drained()
    sender.close()
    await drained
    turns.shift()?.()
    expect(outlet.writes).toEqual([])
  })
})
