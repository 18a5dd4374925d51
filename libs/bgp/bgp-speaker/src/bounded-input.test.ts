import { describe, expect, test } from 'vitest'
import { BoundedInput } from './bounded-input.ts'
import { SendTurns } from './send-turns.ts'

/** A socket, and whose turn it is, by hand. */
function make(messagesOf: (octets: Uint8Array) => number, most: number) {
  const turns: (() => void)[] = []
  const socket = {
    destroyed: false,
    destroy: () => (socket.destroyed = true),
    isPaused: false,
    pause: () => (socket.isPaused = true),
    resume: () => (socket.isPaused = false),
  }
  let left = 0
  let taken = 0
  const input = new BoundedInput(socket, new SendTurns({ monotonic: () => 0 }, (run) => turns.push(run)), (octets) => {
    if (octets !== undefined) left = messagesOf(octets)
    const now = Math.min(most, left)
    left -= now
    taken += now
    return left > 0
  })
  return { socket, input, taken: () => taken, turn: () => turns.shift()?.() }
}

describe('a connection', () => {
  test('with few messages is read on', () => {
    const { socket, input, taken } = make((octets) => octets.length, 10)
    input.received(new Uint8Array(10))
    expect(taken()).toBe(10)
    expect(socket.isPaused).toBe(false)
  })

  test('with more than its share waits, and goes on in later turns', () => {
    const { socket, input, taken, turn } = make((octets) => octets.length, 10)
    input.received(new Uint8Array(25))
    expect(taken()).toBe(10)
    expect(socket.isPaused).toBe(true)
    turn()
    expect(taken()).toBe(20)
    expect(socket.isPaused).toBe(true)
    turn()
    expect(taken()).toBe(25)
    expect(socket.isPaused).toBe(false)
  })

  test('that closes is read and not looked at, so that the peer hears our last words', () => {
    const { socket, input, taken, turn } = make((octets) => octets.length, 10)
    input.received(new Uint8Array(25))
    input.end()
    expect(socket.isPaused).toBe(false)
    turn()
    input.received(new Uint8Array(25))
    expect(taken()).toBe(10)
  })

  test('that closes and goes on sending is cut', () => {
    const { socket, input } = make((octets) => octets.length, 10)
    input.end()
    for (let n = 0; n < 64; n++) input.received(new Uint8Array(65_536))
    expect(socket.destroyed).toBe(false)
    input.received(new Uint8Array(1))
    expect(socket.destroyed).toBe(true)
  })
})
