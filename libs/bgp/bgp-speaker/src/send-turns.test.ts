import { describe, expect, test } from 'vitest'
import { SendTurns } from './send-turns.ts'

function setUp() {
  const time = { ms: 0 }
  const due: (() => void)[] = []
  const turns = new SendTurns({ monotonic: () => time.ms }, (run) => due.push(run))
  return { time, turns, due, turn: () => due.splice(0).forEach((run) => run()) }
}

describe('SendTurns', () => {
  test('calls whoever was added when the turn is over, once', () => {
    const { turns, turn, due } = setUp()
    const calls: string[] = []
    turns.add(() => calls.push('a'))
    turns.add(() => calls.push('b'))
    expect(calls).toEqual([])
    turn()
    expect(calls).toEqual(['a', 'b'])
    expect(due).toEqual([])
  })

  test('ends a turn that has become long, and goes on with those who did not come to it', () => {
    const { turns, turn, time } = setUp()
    const calls: string[] = []
    const peer = (name: string) => () => {
      calls.push(name)
      time.ms += 1.5
      turns.add(peer(name)) // a large table: there is always more
    }
    for (const name of ['a', 'b', 'c', 'd', 'e']) turns.add(peer(name))
    const seen = [1, 2, 3, 4, 5].map(() => {
      turn()
      return calls.splice(0).join('')
    })
    expect(seen).toEqual(['ab', 'cd', 'ea', 'bc', 'de'])
  })

  test('gives everybody a turn even when each takes too long', () => {
    const { turns, turn, time } = setUp()
    const calls: string[] = []
    for (const name of ['a', 'b'])
      turns.add(() => {
        calls.push(name)
        time.ms += 100
      })
    turn()
    expect(calls).toEqual(['a'])
    turn()
    expect(calls).toEqual(['a', 'b'])
  })
})
