/** Queues: enqueue, consume and progress. */
import { expect, test } from 'vitest'
import { BusError } from '../src/bus.ts'
import { freshQueue, gate, note, numbers, until, type Ends } from './notes.ts'

export function queueTests(ends: Ends): void {
  test('messages wait for a consumer and come oldest first', async () => {
    const queue = freshQueue()
    await Promise.all(numbers(1500).map((number) => ends.near.enqueue(queue, note(number))))
    const seen: number[] = []
    ends.far.consume(queue, async (messages) => void seen.push(...messages.map((message) => message.number)))
    await until('1500 messages', () => seen.length >= 1500)
    expect(seen).toEqual(numbers(1500))
  })

  test('what is enqueued while a handler runs comes in the next batch, and one handler runs at a time', async () => {
    const queue = freshQueue()
    const batches: number[][] = []
    const first = gate()
    let running = 0
    let mostRunning = 0
    ends.far.consume(queue, async (messages) => {
      mostRunning = Math.max(mostRunning, ++running)
      batches.push(messages.map((message) => message.number))
      if (batches.length === 1) await first.passed
      running--
    })
    await ends.near.enqueue(queue, note(0))
    await until('the first batch', () => batches.length === 1)
    await Promise.all(numbers(50).map((number) => ends.near.enqueue(queue, note(number + 1))))
    first.open()
    await until('51 messages', () => batches.flat().length >= 51)
    expect(batches.flat()).toEqual(numbers(51))
    expect(mostRunning).toBe(1)
    expect(batches.length).toBeLessThan(51)
  })

  test('nobody is called from inside enqueue', () => {
    const queue = freshQueue()
    let called = false
    ends.near.consume(queue, async () => void (called = true))
    void ends.near.enqueue(queue, note(1)).catch(() => {})
    expect(called).toBe(false)
  })

  test('a batch whose handler rejects comes again', async () => {
    const queue = freshQueue()
    const handled = new Set<number>()
    let failures = 0
    ends.far.consume(queue, async (messages) => {
      if (failures < 2) {
        failures++
        throw new Error('not now')
      }
      for (const message of messages) handled.add(message.number)
    })
    await Promise.all(numbers(20).map((number) => ends.near.enqueue(queue, note(number))))
    await until('20 messages', () => handled.size === 20)
    expect([...handled].sort((a, b) => a - b)).toEqual(numbers(20))
  })

  test('two consumers share the messages: each goes to one of them', async () => {
    const queue = freshQueue()
    const seen: number[] = []
    const consumers = [ends.near, ends.far].map((bus) =>
      bus.consume(queue, async (messages) => void seen.push(...messages.map((message) => message.number))),
    )
    await Promise.all(numbers(2000).map((number) => ends.near.enqueue(queue, note(number))))
    await until('2000 messages', () => seen.length >= 2000)
    await Promise.all(consumers.map((consumer) => consumer.close()))
    expect(seen.sort((a, b) => a - b)).toEqual(numbers(2000))
  })

  test('close() awaits the handler that runs, and no handler starts after it', async () => {
    const queue = freshQueue()
    const started = gate()
    const release = gate()
    let handled = 0
    let calls = 0
    const consumer = ends.far.consume(queue, async (messages) => {
      calls++
      started.open()
      await release.passed
      handled += messages.length
    })
    await ends.near.enqueue(queue, note(1))
    await started.passed
    const closed = consumer.close()
    release.open()
    await closed
    expect(handled).toBe(1)
    const callsAtClose = calls
    await ends.near.enqueue(queue, note(2))
    const seen: number[] = []
    ends.far.consume(queue, async (messages) => void seen.push(...messages.map((message) => message.number)))
    await until('the message left behind', () => seen.includes(2))
    expect(calls).toBe(callsAtClose)
  })

  test('messages left by one consumer wait for the next', async () => {
    const queue = freshQueue()
    let calls = 0
    const failing = ends.far.consume(queue, async () => {
      calls++
      throw new Error('never')
    })
    await Promise.all(numbers(10).map((number) => ends.near.enqueue(queue, note(number))))
    await until('a failure', () => calls > 0)
    await failing.close()
    const seen = new Set<number>()
    ends.near.consume(queue, async (messages) => messages.forEach((message) => seen.add(message.number)))
    await until('10 messages', () => seen.size === 10)
  })

  test('its progress counts as done what was acknowledged, not what waits and not what a consumer holds', async () => {
    const queue = freshQueue()
    expect(await ends.near.progress(queue)).toEqual({ newest: 0, done: 0 })
    await Promise.all(numbers(3).map((number) => ends.near.enqueue(queue, note(number))))
    expect(await ends.near.progress(queue)).toEqual({ newest: 3, done: 0 })
    const held = gate()
    let taken = 0
    ends.far.consume(queue, async (messages) => {
      taken += messages.length
      await held.passed
    })
    await until('a message in hand', () => taken > 0)
    expect(await ends.near.progress(queue)).toEqual({ newest: 3, done: 0 })
    held.open()
    await until('all to be done', async () => (await ends.near.progress(queue)).done === 3)
    expect(await ends.far.progress(queue)).toEqual({ newest: 3, done: 3 })
  })

  test('its progress stays before a message that was rejected', async () => {
    const queue = freshQueue()
    const refused = gate()
    let tries = 0
    ends.far.consume(queue, async (messages) => {
      tries++
      if (messages.some(({ number }) => number === 0) && tries < 3) throw new Error('not yet')
      if (tries >= 3) await refused.passed
    })
    await ends.near.enqueue(queue, note(0))
    await until('a third try', () => tries >= 3)
    expect((await ends.near.progress(queue)).done).toBe(0)
    refused.open()
    await until('the message to be done', async () => (await ends.near.progress(queue)).done === 1)
  })

  test('after close() enqueue and progress reject with BusError', async () => {
    await ends.near.close()
    await expect(ends.near.enqueue(freshQueue(), note(1))).rejects.toBeInstanceOf(BusError)
    await expect(ends.near.progress(freshQueue())).rejects.toBeInstanceOf(BusError)
  })
}
