/** Core NATS subscriptions, noted here and made on each new connection: NATS may be away when a service starts. */
import type { Subscription } from '@dnstap-bgp/bus'
import type { Msg, NatsConnection, Subscription as NatsSubscription } from 'nats'
import { SUBSCRIBE_AGAIN_MS } from './refused-subjects.ts'

export class CoreSubscriptions {
  readonly #usable: () => NatsConnection | undefined
  readonly #all = new Set<CoreSubscription>()
  #subscribedAgainMs = -Infinity

  constructor(usable: () => NatsConnection | undefined) {
    this.#usable = usable
  }

  /** `group`: of all subscribers in it, each message goes to one. */
  add(subject: string, group: string | undefined, onMessage: (message: Msg) => void): Subscription {
    const subscription = new CoreSubscription(subject, group, (message) => crashOnError(() => onMessage(message)))
    this.#all.add(subscription)
    const nc = this.#usable()
    if (nc !== undefined) subscription.connected(nc)
    return {
      close: async () => {
        this.#all.delete(subscription)
        subscription.close()
      },
    }
  }

  /** A new connection. */
  opened(nc: NatsConnection): void {
    for (const subscription of this.#all) subscription.connected(nc)
  }

  /** Subscribes again where nats-server refused it: permissions may have been edited, and the server does not say so. */
  tick(nowMs: number): void {
    if (nowMs - this.#subscribedAgainMs < SUBSCRIBE_AGAIN_MS) return
    this.#subscribedAgainMs = nowMs
    const nc = this.#usable()
    if (nc !== undefined) for (const subscription of this.#all) subscription.subscribeAgain(nc)
  }

  closeAll(): void {
    for (const subscription of this.#all) subscription.close()
  }
}

class CoreSubscription {
  readonly #subject: string
  readonly #group: string | undefined
  readonly #onMessage: (message: Msg) => void
  #closed = false
  #subscription: NatsSubscription | undefined

  constructor(subject: string, group: string | undefined, onMessage: (message: Msg) => void) {
    this.#subject = subject
    this.#group = group
    this.#onMessage = onMessage
  }

  connected(nc: NatsConnection): void {
    this.#subscription = nc.subscribe(this.#subject, {
      ...(this.#group === undefined ? {} : { queue: this.#group }),
      callback: (error, message) => {
        if (error === null && !this.#closed) this.#onMessage(message)
      },
    })
  }

  /** When nats-server refuses a subscription, the library closes it. */
  subscribeAgain(nc: NatsConnection): void {
    if (!this.#closed && this.#subscription?.isClosed() === true) this.connected(nc)
  }

  close(): void {
    this.#closed = true
    if (this.#subscription !== undefined && !this.#subscription.isClosed()) this.#subscription.unsubscribe()
  }
}

/** The library swallows what its callbacks throw, and stops reading: a bug of ours must end the process instead. */
export function crashOnError(work: () => void): void {
  try {
    work()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
