/** Buses and a real nats-server, ended after each test, and something to say over them. */
import type { Codec, Queue, StreamCall, Subject } from '@dnstap-bgp/bus'
import { silentLog, systemClock, type Log } from '@dnstap-bgp/runtime'
import { Health } from '@dnstap-bgp/telemetry'
import { startNats, type NatsServer, type NatsServerOptions } from '@dnstap-bgp/testkit'
import { connect, type JetStreamManager, type NatsConnection } from 'nats'
import { openNatsBus, type NatsBus, type NatsBusOptions } from '../src/index.ts'

export const words: Codec<string> = {
  encode: (word) => new TextEncoder().encode(`word:${word}`),
  decode(bytes) {
    const text = new TextDecoder().decode(bytes)
    if (!text.startsWith('word:')) throw new Error(`no word: ${text}`)
    return text.slice('word:'.length)
  },
}
export const subject: Subject<string> = { name: 'test.v1.words', ...words }
export const queue: Queue<string> = {
  name: 'test.v1.work',
  limits: { maxBytes: 1_000_000, maxAgeSeconds: 60 },
  octetsOf: () => 512,
  ...words,
}
/** The stream of `queue`. */
export const STREAM = 'test_v1_work'
export const call: StreamCall<string, string> = { name: 'test.v1.spell', request: words, part: words }

export class BusesUnderTest {
  readonly #ends: (() => Promise<void>)[] = []

  /** For afterEach: the last started ends first. */
  readonly end = async (): Promise<void> => {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }

  atEnd(end: () => Promise<void>): void {
    this.#ends.push(end)
  }

  async server(options: NatsServerOptions = {}): Promise<NatsServer> {
    const started = await startNats(options)
    this.atEnd(() => started.remove())
    return started
  }

  async open(options: NatsBusOptions, log: Log = silentLog): Promise<NatsBus> {
    return (await this.openWithHealth(options, log)).bus
  }

  /** `told`: each sentence of health's component, in turn; '' when it became well. */
  async openWithHealth(options: NatsBusOptions, log: Log = silentLog) {
    const health = new Health({ clock: systemClock, log: silentLog })
    const told: string[] = []
    const bus = await openNatsBus(options, { clock: systemClock, log, health })
    this.atEnd(() => bus.close())
    const state = () => health.report().components[0]
    const why = () => state().why ?? ''
    bus.onProblem(() => told.push(why()))
    return { bus, told, state, why }
  }

  /** Another client of the same server, who may do anything. */
  async otherClient(nats: NatsServer): Promise<{ nc: NatsConnection; jsm: JetStreamManager }> {
    const nc = await connect({ servers: nats.url })
    this.atEnd(() => nc.close())
    return { nc, jsm: await nc.jetstreamManager() }
  }
}
