/**
 * What operators ask the cache, from whichever program they ask: every admin server has these paths and passes the question on by the bus,
 * to a cache in this process or on another machine.
 *
 *   GET  /api/explain?subject=ADDRESS|NAME
 *   POST /api/forget   {"subject": ADDRESS|NAME, "holdDown": "1h"}
 */
import { BusError, type Bus } from '@dnstap-bgp/bus'
import { parseDuration } from '@dnstap-bgp/config'
import { EXPLAIN, FORGET, type OperatorAnswer } from '@dnstap-bgp/steering'
import { AdminError, type AdminRoutes } from './admin-server.ts'

export function addCacheRoutes(routes: AdminRoutes, bus: Pick<Bus, 'ask'>): void {
  routes.set('GET /api/explain', ({ query }) => {
    const subject = query.get('subject')
    if (subject === null || subject === '') throw new AdminError(400, 'which address or name? (?subject=)')
    return answerOf(bus.ask(EXPLAIN, { subject }))
  })
  routes.set('POST /api/forget', ({ body }) => {
    const { subject, holdDown = '0s' } = (body ?? {}) as { subject?: unknown; holdDown?: unknown }
    if (typeof subject !== 'string' || subject === '') throw new AdminError(400, 'subject is missing: an address or a name')
    const holdDownMs = typeof holdDown === 'string' ? parseDuration(holdDown) : undefined
    if (typeof holdDownMs !== 'number')
      throw new AdminError(400, `holdDown is ${JSON.stringify(holdDown)}; a duration such as "1h" expected`)
    return answerOf(bus.ask(FORGET, { subject, holdDownMs }))
  })
}

async function answerOf(answers: AsyncIterable<OperatorAnswer>): Promise<object> {
  try {
    for await (const one of answers) {
      if ('answer' in one) return one.answer
      throw new AdminError(one.status, one.error)
    }
    throw new AdminError(503, 'the cache gave no answer')
  } catch (error) {
    if (!(error instanceof BusError)) throw error
    throw new AdminError(503, `no cache can be asked: ${error.message}`, { cause: error })
  }
}
