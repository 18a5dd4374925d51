import { LocalBus } from '@dnstap-bgp/bus'
import { EXPLAIN, FORGET, type ForgetRequest, type OperatorAnswer } from '@dnstap-bgp/steering'
import { expect, test } from 'vitest'
import type { AdminRoutes } from './admin-server.ts'
import { addCacheRoutes } from './cache-routes.ts'

function start(answer?: OperatorAnswer) {
  const bus = new LocalBus({ pause: () => Promise.resolve() })
  const forgotten: ForgetRequest[] = []
  if (answer !== undefined) {
    bus.serve(EXPLAIN, async function* () {
      yield answer
    })
    bus.serve(FORGET, async function* (request) {
      forgotten.push(request)
      yield answer
    })
  }
  const routes: AdminRoutes = new Map()
  addCacheRoutes(routes, bus)
  const call = async (route: string, query: string, body?: unknown) => {
    const handler = routes.get(route)
    if (handler === undefined) throw new Error(`no ${route}`)
    return handler({ query: new URLSearchParams(query), body })
  }
  return { call, forgotten }
}

test("a question that a person asks any program is answered by the cache's own answer", async () => {
  const { call, forgotten } = start({ answer: { verdict: 'Routed.' } })
  expect(await call('GET /api/explain', 'subject=192.0.2.1')).toEqual({ verdict: 'Routed.' })
  expect(await call('POST /api/forget', '', { subject: 'a.example', holdDown: '1m' })).toEqual({ verdict: 'Routed.' })
  expect(await call('POST /api/forget', '', { subject: 'b.example' })).toEqual({ verdict: 'Routed.' })
  expect(forgotten).toEqual([
    { subject: 'a.example', holdDownMs: 60_000 },
    { subject: 'b.example', holdDownMs: 0 },
  ])
})

test.each([
  ['a number', 60],
  ['an empty text', ''],
  ['no duration', 'soon'],
  ['null', null],
])('a hold-down that is %s is refused: it would not mean what was meant', async (_what, holdDown) => {
  const { call, forgotten } = start({ answer: {} })
  await expect(call('POST /api/forget', '', { subject: 'a.example', holdDown })).rejects.toMatchObject({ status: 400 })
  expect(forgotten).toEqual([])
})

test('what is missing is named', async () => {
  const { call } = start({ answer: {} })
  await expect(call('GET /api/explain', '')).rejects.toMatchObject({ status: 400, message: expect.stringMatching(/which/) })
  await expect(call('POST /api/forget', '', undefined)).rejects.toMatchObject({ status: 400 })
})

test("while the store is away the answer is 503 with the store's sentence, and so it is while there is no cache", async () => {
  const away = start({ status: 503, error: 'The store cannot be asked: Redis is loading.' })
  await expect(away.call('GET /api/explain', 'subject=a.example')).rejects.toMatchObject({
    status: 503,
    message: 'The store cannot be asked: Redis is loading.',
  })
  await expect(start().call('GET /api/explain', 'subject=a.example')).rejects.toMatchObject({
    status: 503,
    message: expect.stringMatching(/^no cache can be asked: nobody serves/),
  })
})
