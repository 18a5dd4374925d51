import { describe, expect, test } from 'vitest'
import { permissionsOf, type OnTheBus } from './permissions.ts'
import { natsAuthorization } from './server-config.ts'

const NOTHING: OnTheBus = { publishes: [], subscribes: [], enqueues: [], consumes: [], serves: [], asks: [] }
const named = (...names: string[]) => names.map((name) => ({ name }))
const TABLE: Record<string, OnTheBus> = {
  teller: { ...NOTHING, publishes: named('v1.news'), enqueues: named('v1.work') },
  worker: { ...NOTHING, subscribes: named('v1.news'), consumes: named('v1.work'), serves: named('v1.question') },
  asker: { ...NOTHING, asks: named('v1.question') },
}

describe('what a NATS user may', () => {
  test('a user that enqueues may see whether the stream exists, and change nothing', () => {
    expect(permissionsOf('teller', TABLE)).toEqual({
      publish: ['$JS.API.STREAM.INFO.v1_work', 'v1.news', 'v1.work'],
      subscribe: ['_INBOX.teller.>'],
    })
  })

  test('a user that consumes may make the stream and its consumer, and no other', () => {
    const { publish, subscribe } = permissionsOf('worker', TABLE)
    expect(publish.filter((subject) => subject.startsWith('$JS'))).toHaveLength(9)
    for (const subject of publish.filter((each) => each.startsWith('$JS')))
      expect(subject).toMatch(/\.v1_work(\.consumers(\.>)?)?$/)
    expect(subscribe).toEqual(['_INBOX.worker.>', 'v1.news', 'v1.question'])
  })

  test('a user that serves may answer its askers only; a user that asks may acknowledge to the server', () => {
    expect(permissionsOf('worker', TABLE).publish.filter((subject) => subject.startsWith('_INBOX'))).toEqual([
      '_INBOX.asker.*.q.*',
    ])
    expect(permissionsOf('asker', TABLE)).toEqual({
      publish: ['_INBOX.worker.*.c.*', 'v1.question'],
      subscribe: ['_INBOX.asker.>'],
    })
  })

  test('a service that is not in the table has no permissions to be made', () => {
    expect(() => permissionsOf('stranger', TABLE)).toThrow('no service is called stranger')
  })

  test('a password that could end its own quotes is refused', () => {
    const permissions = { publish: [], subscribe: [] }
    expect(() => natsAuthorization([{ name: 'x', password: 'a" } {', permissions }])).toThrow(RangeError)
    expect(natsAuthorization([{ name: 'x', password: 'a_b-C1', permissions }])).toContain('user: "x", password: "a_b-C1"')
  })
})
