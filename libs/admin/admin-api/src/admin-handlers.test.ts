import { expect, test } from 'vitest'
import { AdminError } from './admin-error.ts'
import { AdminHandlers, replyTo } from './admin-handlers.ts'
import { ADMIN_API } from './endpoints.ts'

const NOTHING = { query: {}, body: undefined }

function resetting() {
  const handlers = new AdminHandlers()
  handlers.add(ADMIN_API.resetPeer, ({ body: { peer, hard } }) => ({ peer, done: String(hard) }))
  return (body: unknown) => handlers.call('POST', '/api/peers/reset', { query: {}, body })
}

test('a handler gets the fields that the contract knows, and no others', () => {
  expect(resetting()({ peer: 'edge', hard: true, other: 1 })).toEqual({ peer: 'edge', done: 'true' })
  expect(resetting()({ peer: 'edge' })).toEqual({ peer: 'edge', done: 'undefined' })
})

test.each([
  [undefined, 'peer is missing: the name of a peer expected'],
  [{ peer: '' }, 'peer is missing: the name of a peer expected'],
  [['edge'], 'peer is missing: the name of a peer expected'],
  [{ peer: 5 }, 'peer is 5; the name of a peer expected'],
  [{ peer: 'edge', hard: 'yes' }, 'hard is "yes"; true or false expected'],
])('the body %j is refused before the handler sees it', (body, message) => {
  expect(() => resetting()(body)).toThrow(expect.objectContaining({ status: 400, message }) as Error)
})

test('a path without a handler is 404', () => {
  const handlers = new AdminHandlers()
  expect(handlers.has('GET', '/api/peers')).toBe(false)
  expect(() => handlers.call('GET', '/api/peers', NOTHING)).toThrow(expect.objectContaining({ status: 404 }) as Error)
})

test('a reply over the bus is the value, or the refusal; a fault of ours stays a fault', async () => {
  expect(await replyTo(ADMIN_API.syncPeers, () => [], NOTHING)).toEqual({ reply: [] })
  const refusing = replyTo(ADMIN_API.syncPeers, () => Promise.reject(new AdminError(409, 'not now')), NOTHING)
  expect(await refusing).toEqual({ status: 409, error: 'not now' })
  await expect(replyTo(ADMIN_API.syncPeers, () => Promise.reject(new TypeError('x')), NOTHING)).rejects.toThrow(TypeError)
})
