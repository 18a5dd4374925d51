import { BusError } from '@dnstap-bgp/bus'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { Queues, type QueueSide } from './queues.ts'

const queue = { name: 'test.v1.queue', limits: { maxBytes: 1, maxAgeSeconds: 1 } }

function believing() {
  const clock = new FakeClock()
  const looked: QueueSide[] = []
  const state = { connection: {} as object | undefined, failure: undefined as string | undefined }
  const problems: (string | undefined)[] = []
  const queues: Queues = new Queues({
    clock,
    log: silentLog,
    connection: () => state.connection,
    ensure: async (_queue, side) => {
      looked.push(side)
      if (state.failure !== undefined) throw new BusError(state.failure)
    },
    onChange: () => problems.push(queues.problem),
  })
  return { clock, queues, looked, state, problems }
}

test('an existing queue is not checked again for every message', async () => {
  const { queues, looked } = believing()
  expect(await queues.ensure(queue, 'receives')).toBeUndefined()
  expect(await queues.ensure(queue, 'receives')).toBeUndefined()
  expect(queues.isReady(queue, 'receives')).toBe(true)
  expect(queues.isReady(queue, 'sends')).toBe(false)
  expect(looked).toEqual(['receives'])
})

test('contrary evidence outweighs an earlier check, and health says so until something works again', async () => {
  const { queues, looked, problems } = believing()
  await queues.ensure(queue, 'receives')
  await queues.ensure(queue, 'sends')
  queues.doubt(queue, 'receives', 'nobody answers for its consumer')
  expect([queues.isReady(queue, 'receives'), queues.isReady(queue, 'sends')]).toEqual([false, false])
  await queues.ensure(queue, 'receives')
  expect(looked).toEqual(['receives', 'sends', 'receives'])
  expect(queues.problem).toBe('The queue test.v1.queue does not work: nobody answers for its consumer')
  queues.works(queue, 'sends') // says nothing of receiving
  expect(queues.problem).toBeDefined()
  queues.works(queue, 'receives')
  expect(queues.problem).toBeUndefined()
  expect(problems.at(-1)).toBeUndefined()
})

test('a missing queue is asked for once a second, however many callers want it, and reported', async () => {
  const { clock, queues, looked, state } = believing()
  state.failure = 'there is no JetStream'
  const both = await Promise.all([queues.ensure(queue, 'sends'), queues.ensure(queue, 'sends')])
  expect(both.map((error) => error?.message)).toEqual(['there is no JetStream', 'there is no JetStream'])
  await queues.ensure(queue, 'sends')
  expect(looked).toHaveLength(1)
  expect(queues.problem).toBe('A queue cannot be used: there is no JetStream')
  clock.advance(1000)
  state.failure = undefined
  expect(await queues.ensure(queue, 'sends')).toBeUndefined()
  expect(queues.problem).toBeUndefined()
})

test('a new connection makes every queue unknown, and ends doubts about the old one', async () => {
  const { queues } = believing()
  await queues.ensure(queue, 'sends')
  queues.doubt(queue, 'sends', 'nats-server did not acknowledge a message')
  await queues.ensure(queue, 'sends')
  queues.connected()
  expect([queues.isReady(queue, 'sends'), queues.problem]).toEqual([false, undefined])
})

test('a check during which the connection broke is not believed', async () => {
  const { queues, state } = believing()
  const looking = queues.ensure(queue, 'sends')
  state.connection = {}
  await looking
  expect(queues.isReady(queue, 'sends')).toBe(false)
})

test('a ready queue is checked again every minute, and stays ready meanwhile', async () => {
  const { clock, queues, looked, state } = believing()
  await queues.ensure(queue, 'receives')
  clock.advance(59_000)
  queues.tick(clock.monotonic())
  expect(looked).toHaveLength(1)
  clock.advance(1000)
  state.failure = 'the stream is gone'
  queues.tick(clock.monotonic())
  expect(looked).toHaveLength(2)
  expect(queues.isReady(queue, 'receives')).toBe(true)
  await queues.ensure(queue, 'receives')
  await Promise.resolve()
  expect(queues.problem).toBe('A queue cannot be used: the stream is gone')
})
