/**
 * All resolvers that we ask ourselves: which frames are of our own questions, and from which sender a resolver's frames come.
 *
 * Ingest asks it about each read and each frame. A resolver's dnstap connection is not configured: it is the one by which frames about our
 * questions come. One connection may carry several resolvers (a relay), and one resolver may have several.
 */
import { MessageType, type DnstapDecoder } from '@dnstap-bgp/dnstap'
import type { Clock } from '@dnstap-bgp/runtime'
import { Metronome, type MetronomeConfig } from './metronome.ts'
import { OwnQuestions } from './own-questions.ts'
import type { OpenQuestionSocket } from './question-socket.ts'

/** A dnstap connection. */
export interface ProbedSender {
  /** Frames it sent so far, the one at hand included. */
  readonly frames?: number
  /** Those of them that are about questions of ours. */
  ownFrames?: number
}

export interface ProbedResolver extends MetronomeConfig {
  readonly name: string
}

/** Our notes on a connection by which own frames came. */
interface SenderNotes {
  readonly metronomes: Set<Metronome>
  /** What it had sent, others' frames, at the read before. */
  others: number
}

export class ResolverProbes {
  readonly metronomes = new Map<string, Metronome>()
  /** Frames about questions of ours. */
  ownFrames = 0
  readonly #own = new OwnQuestions<Metronome>()
  readonly #senders = new WeakMap<ProbedSender, SenderNotes>()
  readonly #clock: Clock
  readonly #open: OpenQuestionSocket | undefined

  constructor({ clock, open }: { readonly clock: Clock; readonly open?: OpenQuestionSocket }) {
    this.#clock = clock
    this.#open = open
  }

  /** Asks these resolvers from now on, and no others. One that is as it was goes on. */
  use(resolvers: readonly ProbedResolver[]): void {
    for (const [name, metronome] of [...this.metronomes]) {
      if (resolvers.some((one) => one.name === name && metronome.isFor(one))) continue
      metronome.close()
      this.metronomes.delete(name)
    }
    for (const resolver of resolvers) if (!this.metronomes.has(resolver.name)) this.#start(resolver)
  }

  /** A connection was read; its frames follow. */
  onRead(sender: ProbedSender): void {
    const notes = this.#senders.get(sender)
    if (notes === undefined) return
    const others = (sender.frames ?? 0) - (sender.ownFrames ?? 0)
    for (const metronome of notes.metronomes)
      if (metronome.isClosed) notes.metronomes.delete(metronome)
      else metronome.onRead(others - notes.others)
    notes.others = others
  }

  /** Is the message at hand about a question of ours? Then it teaches nothing. */
  isOwn(sender: ProbedSender, decoder: DnstapDecoder, bytes: Uint8Array): boolean {
    const metronome = this.#own.askerOf(decoder, bytes)
    if (metronome === undefined) return false
    this.ownFrames++
    sender.ownFrames = (sender.ownFrames ?? 0) + 1
    let notes = this.#senders.get(sender)
    if (notes === undefined)
      this.#senders.set(sender, (notes = { metronomes: new Set(), others: (sender.frames ?? 0) - sender.ownFrames }))
    notes.metronomes.add(metronome)
    metronome.onOwnFrame(decoder.messageType === MessageType.CLIENT_QUERY)
    return true
  }

  close(): void {
    this.use([])
  }

  #start(resolver: ProbedResolver): void {
    const metronome = new Metronome(resolver, {
      clock: this.#clock,
      onOpen: (own, address, port) => this.#own.add(address, port, own),
      ...(this.#open === undefined ? {} : { open: this.#open }),
    })
    this.metronomes.set(resolver.name, metronome)
  }
}
