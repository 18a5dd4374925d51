/**
 * All resolvers that we ask ourselves: which frames are of our own questions, and from which sender a resolver's frames come.
 *
 * Ingest asks it about each read and each frame. A resolver's dnstap connection is not configured: it is the one by which frames about our
 * questions come. One connection may carry several resolvers (a relay), and one resolver may have several.
 */
import { MessageType, type DnstapDecoder } from '@dnstap-bgp/dnstap'
import type { Clock } from '@dnstap-bgp/runtime'
import { Metronome, type MetronomeKind } from './metronome.ts'
import { OwnQuestions } from './own-questions.ts'
import type { OpenQuestionSocket } from './question-socket.ts'
import type { ProbedKind } from './probed-kind.ts'
import { WarmNames } from './warm-names.ts'

/** A dnstap connection. */
export interface ProbedSender {
  /** Frames it sent so far, the one at hand included. */
  readonly frames?: number
  /** Those of them that are about questions of ours. */
  ownFrames?: number
}

export interface ProbedResolverConfig {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly kind: ProbedKind
  readonly metronome: { readonly kind: MetronomeKind; readonly flushTargetMs: number } | undefined
  readonly warm: WarmConfig | undefined
}

export interface WarmConfig {
  /** Those that the lists name exactly, or those that clients use. */
  readonly names: 'exact' | 'learnt'
  readonly queriesPerSecond: number
  readonly keepMs: number
  readonly ipv6: boolean
}

export interface ProbedResolver {
  readonly config: ProbedResolverConfig
  readonly metronome: Metronome | undefined
  readonly warm: WarmNames | undefined
}

/** Whose question a frame is about: a client's, the metronome's, or one that keeps a name warm. */
export const AskedFor = { client: 0, metronome: 1, warm: 2 } as const
export type AskedFor = (typeof AskedFor)[keyof typeof AskedFor]

/** Our notes on a connection by which own frames came. */
interface SenderNotes {
  readonly resolvers: Set<ProbedResolver>
  /** What it had sent, others' frames, at the read before. */
  others: number
}

export class ResolverProbes {
  readonly resolvers = new Map<string, ProbedResolver>()
  readonly #own = new OwnQuestions<Metronome | WarmNames>()
  readonly #resolverOf = new WeakMap<Metronome | WarmNames, ProbedResolver>()
  readonly #senders = new WeakMap<ProbedSender, SenderNotes>()
  /** Those whose frames are known to come by some connection. */
  readonly #found = new WeakSet<ProbedResolver>()
  readonly #clock: Clock
  readonly #open: OpenQuestionSocket | undefined

  constructor({ clock, open }: { readonly clock: Clock; readonly open?: OpenQuestionSocket }) {
    this.#clock = clock
    this.#open = open
  }

  /** Asks these resolvers from now on, and no others. One that is as it was goes on; those that were begun anew are returned. */
  use(configs: readonly ProbedResolverConfig[]): readonly ProbedResolver[] {
    for (const [name, resolver] of [...this.resolvers]) {
      if (configs.some((config) => isSame(config, resolver.config))) continue
      resolver.metronome?.close()
      resolver.warm?.close()
      this.resolvers.delete(name)
    }
    return configs.filter(({ name }) => !this.resolvers.has(name)).map((config) => this.#start(config))
  }

  /** A connection was read; its frames follow. */
  onRead(sender: ProbedSender): void {
    const notes = this.#senders.get(sender)
    if (notes === undefined) return
    const others = (sender.frames ?? 0) - (sender.ownFrames ?? 0)
    for (const resolver of notes.resolvers)
      if (this.resolvers.get(resolver.config.name) === resolver) resolver.metronome?.onRead(others - notes.others)
      else notes.resolvers.delete(resolver)
    notes.others = others
  }

  /** Whose question is the message at hand about? A metronome's teaches nothing. */
  askerOf(sender: ProbedSender, decoder: DnstapDecoder, bytes: Uint8Array): AskedFor {
    const asker = this.#own.askerOf(decoder, bytes)
    if (asker === undefined) return AskedFor.client
    sender.ownFrames = (sender.ownFrames ?? 0) + 1
    this.#note(sender, asker)
    if (asker instanceof WarmNames) return AskedFor.warm
    asker.onOwnFrame(decoder.messageType === MessageType.CLIENT_QUERY)
    return AskedFor.metronome
  }

  /** A client looked this listed name up at a resolver that reports by this connection. */
  onUse(sender: ProbedSender, name: string): void {
    const notes = this.#senders.get(sender)
    for (const resolver of this.resolvers.values()) {
      if (resolver.config.warm?.names !== 'learnt') continue
      // Until own frames tell by which connection a resolver reports, it may be any that no other is known for.
      if (notes === undefined || notes.resolvers.size === 0 ? !this.#found.has(resolver) : notes.resolvers.has(resolver))
        resolver.warm?.use(name)
    }
  }

  close(): void {
    this.use([])
  }

  #note(sender: ProbedSender, asker: Metronome | WarmNames): void {
    const resolver = this.#resolverOf.get(asker)
    if (resolver === undefined) return
    let notes = this.#senders.get(sender)
    if (notes === undefined)
      this.#senders.set(sender, (notes = { resolvers: new Set(), others: (sender.frames ?? 0) - (sender.ownFrames ?? 0) }))
    notes.resolvers.add(resolver)
    this.#found.add(resolver)
  }

  #start(config: ProbedResolverConfig): ProbedResolver {
    const { address, port, kind } = config
    const deps = {
      clock: this.#clock,
      onOpen: (own: Metronome | WarmNames, localAddress: string, localPort: number) =>
        this.#own.add(localAddress, localPort, own),
      ...(this.#open === undefined ? {} : { open: this.#open }),
    }
    const metronome = config.metronome && new Metronome({ address, port, ...config.metronome }, deps)
    const warm = config.warm && new WarmNames({ address, port, kind, ...config.warm }, deps)
    const resolver = { config, metronome, warm }
    for (const own of [metronome, warm]) if (own !== undefined) this.#resolverOf.set(own, resolver)
    this.resolvers.set(config.name, resolver)
    return resolver
  }
}

function isSame(one: ProbedResolverConfig, other: ProbedResolverConfig): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
