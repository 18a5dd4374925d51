/**
 * What goes wrong in a run, and in which order: a pure function of seed and shape.
 *
 * A run is a row of scenes. A scene is one fault, or several at once. The next one begins when all has recovered from the last
 * and some quiet time has passed, so on a slow machine there are fewer scenes, and the same ones.
 */
import { Dice } from './random.ts'

export type Shape = 'all-in-one' | 'services' | 'services-ha'

/** `lengthMs`: how long it is down, frozen or full. */
export type Fault =
  | { readonly kind: 'kill' | 'stop' | 'freeze'; readonly target: string; readonly lengthMs: number }
  | { readonly kind: 'edit'; readonly hup: boolean; readonly inPlace: boolean; readonly share: number }
  | { readonly kind: 'full-disk'; readonly lengthMs: number }
  | { readonly kind: 'store-gone'; readonly lengthMs: number }
  | { readonly kind: 'flush' | 'wipe-streams' | 'delete-consumers' | 'power-cut'; readonly lengthMs: number }
  | { readonly kind: 'rolling-restart' }
  | { readonly kind: 'resolver-reconnects'; readonly resolver: number }
  | { readonly kind: 'peer-away'; readonly lengthMs: number }
  /** The wall clock of a program, or of all of them (`machine`), is set off by so much, and right again after a time. */
  | { readonly kind: 'clock-step'; readonly target: string; readonly offsetMs: number; readonly lengthMs: number }
  /** A resolver's clock is set by so much, and stays so. */
  | { readonly kind: 'resolver-clock-step'; readonly resolver: number; readonly byMs: number }

export interface Scene {
  readonly number: number
  /** Begun one after the other, `gapMs` apart, not waiting for each other's end. */
  readonly faults: readonly { readonly gapMs: number; readonly fault: Fault }[]
  readonly quietMs: number
}

/** What can be killed, stopped and frozen, by shape; a name is a process of shapes.ts. */
export const TARGETS: Readonly<Record<Shape, readonly string[]>> = {
  'all-in-one': ['all-in-one', 'all-in-one', 'all-in-one', 'bird-1', 'bird-2'],
  services: [
    'cache-1',
    'cache-2',
    'ingest-1',
    'ingest-2',
    'announcer-1',
    'announcer-2',
    'gateway',
    'nats-1',
    'nats-1',
    'redis-1',
    'redis-1',
    'bird-1',
  ],
  'services-ha': [
    'cache-1',
    'ingest-1',
    'announcer-1',
    'nats-1',
    'nats-2',
    'nats-3',
    'redis-1',
    'redis-2',
    'sentinel-1',
    'sentinel-2',
  ],
}

/** Programs with a clock of their own. */
const CLOCKS: Readonly<Record<Shape, readonly string[]>> = {
  'all-in-one': ['all-in-one'],
  services: ['machine', 'machine', 'cache-1', 'ingest-1', 'ingest-2', 'announcer-1', 'gateway'],
  'services-ha': ['machine', 'machine', 'cache-1', 'ingest-1', 'announcer-1'],
}

/** Below what is taken for a delay, some seconds, longer than short lifetimes, and longer than any answer waits. */
const STEPS_MS = [1500, 7000, 90_000, 3_700_000]

/** Shorter than the BGP hold time of 90 s and the graceful restart time of 120 s; in the long run longer than the shortest lifetimes. */
const LENGTHS = {
  full: { freezeMs: { low: 2000, high: 20_000 }, downMs: { low: 0, high: 12_000 } },
  short: { freezeMs: { low: 2000, high: 12_000 }, downMs: { low: 0, high: 6000 } },
}

export function* scenes(seed: number, shape: Shape, options: { full: boolean; quietMs: number }): Generator<Scene> {
  const dice = new Dice(seed, `faults of ${shape}`)
  const deck = new Deck(dice, kindsOf(shape, options.full))
  const lengths = LENGTHS[options.full ? 'full' : 'short']
  for (let number = 1; ; number++) {
    const first = deck.draw()(dice, shape, lengths)
    const faults = [{ gapMs: 0, fault: first }]
    if (options.full && dice.chance(0.25)) {
      const second = signal(dice, shape, lengths)
      if (!('target' in first) || second.target !== first.target) faults.push({ gapMs: dice.between(0, 2000), fault: second })
    }
    yield { number, faults, quietMs: dice.between(options.quietMs, 2 * options.quietMs) }
  }
}

type Lengths = (typeof LENGTHS)['full' | 'short']
type Maker = (dice: Dice, shape: Shape, lengths: Lengths) => Fault

/** Each kind comes once before any comes again. */
class Deck {
  readonly #dice: Dice
  readonly #all: readonly Maker[]
  #left: Maker[] = []

  constructor(dice: Dice, all: readonly Maker[]) {
    this.#dice = dice
    this.#all = all
  }

  draw(): Maker {
    if (this.#left.length === 0) this.#left = this.#dice.shuffled(this.#all)
    const one = this.#left.pop()
    if (one === undefined) throw new Error('a deck without cards')
    return one
  }
}

function signal(dice: Dice, shape: Shape, lengths: Lengths, kind = dice.pick(['kill', 'stop', 'freeze'] as const)) {
  const length = kind === 'freeze' ? lengths.freezeMs : lengths.downMs
  return { kind, target: dice.pick(TARGETS[shape]), lengthMs: dice.between(length.low, length.high) }
}

const edit: Maker = (dice) => ({ kind: 'edit', hup: dice.chance(0.5), inPlace: dice.chance(0.5), share: 0.7 })
const lasting =
  (kind: 'full-disk' | 'store-gone' | 'flush' | 'wipe-streams' | 'delete-consumers' | 'power-cut' | 'peer-away'): Maker =>
  (dice) => ({ kind, lengthMs: dice.between(2000, 10_000) })
const kill: Maker = (dice, shape, lengths) => signal(dice, shape, lengths, 'kill')
const stop: Maker = (dice, shape, lengths) => signal(dice, shape, lengths, 'stop')
const freeze: Maker = (dice, shape, lengths) => signal(dice, shape, lengths, 'freeze')
const reconnect: Maker = (dice, shape) => ({
  kind: 'resolver-reconnects',
  resolver: dice.between(0, shape === 'all-in-one' ? 0 : 1),
})
const step = (dice: Dice) => dice.pick([-1, 1]) * dice.pick(STEPS_MS)
const clock: Maker = (dice, shape) => ({
  kind: 'clock-step',
  target: dice.pick(CLOCKS[shape]),
  offsetMs: step(dice),
  lengthMs: dice.between(10_000, 40_000),
})
const resolverClock: Maker = (dice, shape) => ({
  kind: 'resolver-clock-step',
  resolver: dice.between(0, shape === 'all-in-one' ? 0 : 1),
  byMs: step(dice),
})
const rolling: Maker = () => ({ kind: 'rolling-restart' })

/** `full` is for the long run; the short one has what takes little time. */
function kindsOf(shape: Shape, full: boolean): Maker[] {
  const common = [kill, kill, stop, freeze, edit, reconnect, lasting('peer-away')]
  if (!full) return common
  if (shape === 'all-in-one')
    return [...common, freeze, edit, lasting('full-disk'), lasting('store-gone'), clock, clock, resolverClock]
  return [
    ...common,
    kill,
    stop,
    freeze,
    lasting('flush'),
    lasting('wipe-streams'),
    lasting('delete-consumers'),
    lasting('power-cut'),
    rolling,
    clock,
    clock,
    resolverClock,
  ]
}
