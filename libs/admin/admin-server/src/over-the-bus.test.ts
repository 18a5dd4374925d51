import { ADMIN_API, AdminError, AdminHandlers, type AdminReply, type AdminRequest } from '@dnstap-bgp/admin-api'
import { LocalBus } from '@dnstap-bgp/bus'
import { EXPLAIN, FORGET } from '@dnstap-bgp/steering'
import { expect, test } from 'vitest'
import { askOwners, serveOwned } from './over-the-bus.ts'

/** A program that owns nothing, and a cache that gives this answer; undefined: there is no cache. */
function start(answer?: AdminReply) {
  const bus = new LocalBus({ pause: () => Promise.resolve() })
  const forgotten: AdminRequest[] = []
  if (answer !== undefined) {
    bus.serve(EXPLAIN, async () => answer)
    bus.serve(FORGET, async (request) => {
      forgotten.push(request)
      return answer
    })
  }
  const handlers = new AdminHandlers()
  askOwners(bus, handlers)
  const call = async (method: string, path: string, query: Record<string, string>, body?: unknown) =>
    handlers.call(method, path, { query, body })
  return { bus, call, forgotten, handlers }
}

test("a question that a person asks any program is answered by the cache's own answer", async () => {
  const { call, forgotten } = start({ reply: { verdict: 'Routed.' } })
  expect(await call('GET', '/api/explain', { subject: '192.0.2.1' })).toEqual({ verdict: 'Routed.' })
  expect(await call('POST', '/api/forget', {}, { subject: 'a.example', holdDown: '1m' })).toEqual({ verdict: 'Routed.' })
  expect(await call('POST', '/api/forget', {}, { subject: 'b.example' })).toEqual({ verdict: 'Routed.' })
  expect(forgotten.map(({ body }) => body)).toEqual([{ subject: 'a.example', holdDown: '1m' }, { subject: 'b.example' }])
})

test.each([
  ['a number', 60],
  ['null', null],
])('a hold-down that is %s is refused before the cache is asked', async (_what, holdDown) => {
  const { call, forgotten } = start({ reply: {} })
  await expect(call('POST', '/api/forget', {}, { subject: 'a.example', holdDown })).rejects.toMatchObject({ status: 400 })
  expect(forgotten).toEqual([])
})

test('what is missing is named', async () => {
  const { call } = start({ reply: {} })
  const missing = { status: 400, message: 'subject is missing: an address, a prefix or a name expected' }
  await expect(call('GET', '/api/explain', {})).rejects.toMatchObject(missing)
  await expect(call('GET', '/api/explain', { subject: '' })).rejects.toMatchObject(missing)
  await expect(call('POST', '/api/forget', {}, undefined)).rejects.toMatchObject(missing)
})

test("while the store is away the answer is 503 with the store's sentence, and so it is while there is no cache", async () => {
  const away = start({ status: 503, error: 'The store cannot be asked: Redis is loading.' })
  await expect(away.call('GET', '/api/explain', { subject: 'a.example' })).rejects.toMatchObject({
    status: 503,
    message: 'The store cannot be asked: Redis is loading.',
  })
  await expect(start().call('GET', '/api/explain', { subject: 'a.example' })).rejects.toMatchObject({
    status: 503,
    message: expect.stringMatching(/^no cache can be asked: nobody serves/),
  })
})

test('an owner answers by the handlers that it has, and its refusals keep their status', async () => {
  const { bus, call } = start()
  const owned = new AdminHandlers()
  const serving = serveOwned(bus, owned, [ADMIN_API.match, ADMIN_API.cache])
  owned.add(ADMIN_API.match, ({ query: { name } }) => ({ name, why: ['no list has it'] }))
  owned.add(ADMIN_API.cache, () => {
    throw new AdminError(503, 'The store cannot be asked: it is away')
  })
  expect(await call('GET', '/api/match', { name: 'a.example' })).toEqual({ name: 'a.example', why: ['no list has it'] })
  await expect(call('GET', '/api/cache', {})).rejects.toMatchObject({
    status: 503,
    message: expect.stringContaining('it is away'),
  })
  await serving.close()
  await expect(call('GET', '/api/match', { name: 'a.example' })).rejects.toMatchObject({ status: 503 })
})

test('a handler of its own takes the place of asking', async () => {
  const { call, handlers } = start()
  handlers.add(ADMIN_API.match, ({ query: { name } }) => ({ name, why: ['own'] }))
  expect(await call('GET', '/api/match', { name: 'x' })).toEqual({ name: 'x', why: ['own'] })
})
