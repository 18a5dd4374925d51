/** Calls over NATS: questions that we ask (asker.ts), and answers that we serve (answer.ts). answer-wire.ts says how an answer travels. */
import { BusError } from '@dnstap-bgp/bus'
import type { StreamCall, Subscription } from '@dnstap-bgp/bus'
import type { Clock } from '@dnstap-bgp/runtime'
import type { Msg } from 'nats'
import { encodeAnswerMessage, Kind } from './answer-wire.ts'
import { Asker } from './asker.ts'
import type { ServerConnection } from './server-connection.ts'
import type { CoreSubscriptions } from './core-subscriptions.ts'
import { isInbox, type Inboxes } from './inboxes.ts'
import type { RefusedSubject } from './refused-subjects.ts'
import { Answer } from './answer.ts'
import type { Undecodable } from './undecodable.ts'

/** Questions that one bus answers at a time. */
const MAX_ANSWERS = 64
const QUEUE_GROUP = 'servers'

export interface CallsDeps {
  readonly clock: Clock
  readonly connection: ServerConnection
  readonly subscriptions: CoreSubscriptions
  readonly inboxes: Inboxes
  readonly undecodable: Undecodable
}

export class Calls {
  readonly #deps: CallsDeps
  /** By inbox. */
  readonly #askers = new Map<string, Asker>()
  /** By control inbox. */
  readonly #answers = new Map<string, Answer>()
  #lastNumber = 0

  constructor(deps: CallsDeps) {
    this.#deps = deps
  }

  serve<Request, Part>(call: StreamCall<Request, Part>, answer: (request: Request) => AsyncIterable<Part>): Subscription {
    const { subscriptions, undecodable } = this.#deps
    undecodable.expect(call.name)
    const running = new Map<Answer, Promise<void>>()
    const subscription = subscriptions.add(call.name, QUEUE_GROUP, (question) => {
      const inbox = question.reply
      if (!isInbox(inbox)) {
        undecodable.note(call.name, question.data.length, 'the question names no inbox for its answer')
        return
      }
      if (this.#answers.size >= MAX_ANSWERS) return this.#refuse(inbox, `${MAX_ANSWERS} questions are being answered already`)
      let request: Request
      try {
        request = call.request.decode(question.data)
      } catch (error) {
        undecodable.note(call.name, question.data.length, error)
        return this.#refuse(inbox, 'the question cannot be decoded')
      }
      const [control, one] = this.#newAnswer(inbox)
      const done = one
        .run(answer(request), (part) => call.part.encode(part))
        .finally(() => {
          this.#answers.delete(control)
          running.delete(one)
        })
      running.set(one, done)
    })
    return {
      close: async () => {
        await subscription.close()
        for (const one of running.keys()) one.stop('it is closing')
        await Promise.all(running.values())
      },
    }
  }

  async *ask<Request, Part>(call: StreamCall<Request, Part>, request: Request): AsyncIterable<Part> {
    const { clock, connection, inboxes } = this.#deps
    const bytes = call.request.encode(request)
    const nc = connection.usable
    if (nc === undefined) throw new BusError(`${call.name} cannot be asked: NATS cannot be reached`)
    if (bytes.length > connection.maxPayloadBytes)
      throw new BusError(`a question of ${bytes.length} bytes is too large for NATS (${connection.maxPayloadBytes})`)
    const inbox = `${inboxes.questions}${++this.#lastNumber}`
    const asker = new Asker(call.name, clock, (control, reply) => connection.usable?.publish(control, reply))
    this.#askers.set(inbox, asker)
    let ended = false
    try {
      nc.publish(call.name, bytes, { reply: inbox })
      for await (const part of asker.parts()) yield this.#decodePart(call, part)
      ended = true
    } finally {
      this.#askers.delete(inbox)
      if (!ended) asker.stop()
    }
  }

  /** An answer to one of our questions, or nats-server's word that nobody serves the call. */
  onAnswer({ subject, data, reply }: Msg): void {
    const asker = this.#askers.get(subject)
    if (data.length === 0) asker?.nobodyServes()
    else asker?.onMessage(data, reply ?? '')
  }

  /** An asker's message about an answer that we serve. */
  onControl({ subject, data }: Msg): void {
    this.#answers.get(subject)?.onControl(data)
  }

  /** False: no question of ours was refused. */
  refused({ operation, subject }: RefusedSubject, why: string): boolean {
    const askers = [...this.#askers.values()].filter((asker) => operation === 'publish' && asker.name === subject)
    for (const asker of askers) asker.fail(`${subject} cannot be asked: ${why}`)
    return askers.length > 0
  }

  disconnected(): void {
    this.failQuestions('the connection to NATS broke in the middle of an answer')
    this.stopAnswers('the connection to NATS broke')
  }

  failQuestions(why: string): void {
    for (const asker of this.#askers.values()) asker.fail(why)
  }

  stopAnswers(why: string): void {
    for (const answer of this.#answers.values()) answer.stop(why)
  }

  tick(nowMs: number): void {
    for (const asker of this.#askers.values()) asker.checkIdle(nowMs)
  }

  #refuse(inbox: string, sentence: string): void {
    this.#deps.connection.usable?.publish(inbox, encodeAnswerMessage(Kind.FAILED, 0, new TextEncoder().encode(sentence)))
  }

  #newAnswer(inbox: string): [control: string, answer: Answer] {
    const { clock, connection, inboxes } = this.#deps
    const control = `${inboxes.controls}${++this.#lastNumber}`
    const answer = new Answer({
      clock,
      maxPayloadBytes: connection.maxPayloadBytes,
      send: (bytes) => {
        const nc = connection.usable
        if (nc === undefined) throw new BusError('NATS cannot be reached')
        nc.publish(inbox, bytes, { reply: control })
      },
    })
    this.#answers.set(control, answer)
    return [control, answer]
  }

  #decodePart<Request, Part>(call: StreamCall<Request, Part>, bytes: Uint8Array): Part {
    try {
      return call.part.decode(bytes)
    } catch (cause) {
      this.#deps.undecodable.note(`${call.name} (answer)`, bytes.length, cause)
      throw new BusError(`a part of the answer of ${call.name} cannot be decoded`, { cause })
    }
  }
}
