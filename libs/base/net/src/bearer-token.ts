/** Checks `Authorization: Bearer TOKEN` (RFC 6750) in constant time. */
import { reveal, type SecretText } from '@dnstap-bgp/runtime'
import { createHash, timingSafeEqual } from 'node:crypto'

export class BearerToken {
  readonly #expected: Buffer

  constructor(token: SecretText) {
    this.#expected = digest(`Bearer ${reveal(token)}`)
  }

  /** @param authorization the header */
  check(authorization: string | undefined): 'good' | 'missing' | 'wrong' {
    if (authorization === undefined) return 'missing'
    return timingSafeEqual(digest(authorization), this.#expected) ? 'good' : 'wrong'
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
