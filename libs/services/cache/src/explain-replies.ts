/**
 * Asks the announcers and the other replicas what they know of a prefix: whether they have the route, and what they refused.
 *
 * The number of announcers and replicas is not known, so this waits a moment and takes the replies that came. Without a reply, explain says less.
 */
import type { Bus } from '@dnstap-bgp/bus'
import type { Clock } from '@dnstap-bgp/runtime'
import { EXPLAIN_REQUEST, type ExplainReply } from '@dnstap-bgp/steering'
import { randomUUID } from 'node:crypto'

/** A person waits for it. */
export const REPLIES_WAIT_MS = 250
const MAX_REPLIES = 100

export class ExplainReplies {
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #waiting = new Map<string, ExplainReply[]>()

  constructor(bus: Bus, clock: Clock) {
    this.#bus = bus
    this.#clock = clock
  }

  /** Is it our own request? The bus hands us what we publish. */
  isOurs(id: string): boolean {
    return this.#waiting.has(id)
  }

  heard(reply: ExplainReply): void {
    const replies = this.#waiting.get(reply.id)
    if (replies !== undefined && replies.length < MAX_REPLIES) replies.push(reply)
  }

  async collect(subject: string, prefixes: readonly string[]): Promise<readonly ExplainReply[]> {
    const id = randomUUID()
    const replies: ExplainReply[] = []
    this.#waiting.set(id, replies)
    this.#bus.publish(EXPLAIN_REQUEST, { id, subject, prefixes })
    await new Promise<void>((resolve) => void this.#clock.after(REPLIES_WAIT_MS, resolve))
    this.#waiting.delete(id)
    return replies
  }
}
