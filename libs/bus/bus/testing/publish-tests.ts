/** Publish and subscribe. */
import { expect, test } from 'vitest'
import { freshSubject, note, numbers, subscribed, until, withoutKnocks, type Ends, type Note } from './notes.ts'

export function publishTests(ends: Ends): void {
  test('every subscriber gets every message in the order of the publisher', async () => {
    const subject = freshSubject()
    const first: Note[] = []
    const second: Note[] = []
    ends.far.subscribe(subject, (message) => first.push(message))
    ends.near.subscribe(subject, (message) => second.push(message))
    await subscribed(ends.near, subject, first)
    await subscribed(ends.near, subject, second)
    for (const number of numbers(1000)) ends.near.publish(subject, note(number))
    await until('1000 messages twice', () => withoutKnocks(first).length >= 1000 && withoutKnocks(second).length >= 1000)
    expect(withoutKnocks(first)).toEqual(numbers(1000))
    expect(withoutKnocks(second)).toEqual(numbers(1000))
  })

  test('nobody is called from inside publish', () => {
    const subject = freshSubject()
    let called = false
    ends.near.subscribe(subject, () => (called = true))
    ends.near.publish(subject, note(1))
    expect(called).toBe(false)
  })

  test('a message published from a subscriber comes after those published before it', async () => {
    const subject = freshSubject()
    const seen: Note[] = []
    ends.near.subscribe(subject, (message) => {
      if (message.number === 0) ends.near.publish(subject, note(2))
    })
    ends.near.subscribe(subject, (message) => seen.push(message))
    await subscribed(ends.near, subject, seen)
    ends.near.publish(subject, note(0))
    ends.near.publish(subject, note(1))
    await until('three messages', () => withoutKnocks(seen).length === 3)
    expect(withoutKnocks(seen)).toEqual([0, 1, 2])
  })

  test('subscribers that answer each other for ever leave the event loop alive', async () => {
    const subject = freshSubject()
    let rounds = 0
    const subscription = ends.near.subscribe(subject, (message) => {
      rounds++
      ends.near.publish(subject, message)
    })
    await until('the first round', () => {
      ends.near.publish(subject, note(0))
      return rounds > 0
    })
    await new Promise((resolve) => setTimeout(resolve, 1))
    await subscription.close()
    expect(rounds).toBeGreaterThan(0)
  })

  test('after close() a subscriber is not called any more', async () => {
    const subject = freshSubject()
    const closed: Note[] = []
    const open: Note[] = []
    const subscription = ends.far.subscribe(subject, (message) => closed.push(message))
    ends.far.subscribe(subject, (message) => open.push(message))
    await subscribed(ends.near, subject, closed)
    await subscription.close()
    const before = closed.length
    ends.near.publish(subject, note(7))
    await until('the other subscriber', () => withoutKnocks(open).length > 0)
    expect(closed.length).toBe(before)
  })

  test('a message without a subscriber is nobody’s loss', () => {
    ends.near.publish(freshSubject(), note(1))
    expect(ends.near.state).toBe('connected')
  })

  test('close() delivers what was published before it', async () => {
    const subject = freshSubject()
    const seen: Note[] = []
    ends.far.subscribe(subject, (message) => seen.push(message))
    await subscribed(ends.near, subject, seen)
    for (const number of numbers(100)) ends.near.publish(subject, note(number))
    await ends.near.close()
    await until('100 messages', () => withoutKnocks(seen).length === 100)
  })
}
