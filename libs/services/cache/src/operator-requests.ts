/** Requests of operators that any replica of the cache answers, as they come over the bus. */
import { ADMIN_API, AdminError, replyTo, type AdminReply, type AdminRequest } from '@dnstap-bgp/admin-api'
import { parseDuration } from '@dnstap-bgp/config'
import { StoreError } from '@dnstap-bgp/ip-store'
import type { CacheService } from './cache.ts'

type Asked = Pick<CacheService, 'explain' | 'explainer' | 'forget'>

export function explainReply(cache: Asked, request: AdminRequest): Promise<AdminReply> {
  return replyTo(ADMIN_API.explain, ({ query: { subject } }) => forSubject(cache, subject, () => cache.explain(subject)), request)
}

export function forgetReply(cache: Asked, request: AdminRequest): Promise<AdminReply> {
  return replyTo(
    ADMIN_API.forget,
    ({ body: { subject, holdDown = '0s' } }) => {
      const holdDownMs = parseDuration(holdDown)
      if (typeof holdDownMs !== 'number')
        throw new AdminError(400, `holdDown is ${JSON.stringify(holdDown)}; a duration such as "1h" expected`)
      return forSubject(cache, subject, () => cache.forget({ subject, holdDownMs }))
    },
    request,
  )
}

async function forSubject<Reply>({ explainer }: Asked, subject: string, reply: () => Promise<Reply>): Promise<Reply> {
  if (!explainer.isSubject(subject)) throw new AdminError(400, `${JSON.stringify(subject)} is no address, prefix or name`)
  try {
    return await reply()
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    throw new AdminError(503, `The store cannot be asked: ${error.message}`, { cause: error })
  }
}
