/**
 * One run: starts a shape, lets the traffic flow, makes the faults of the seed happen one after the other, and judges every second.
 *
 *     traffic ──▶ resolvers ──▶ dnstap-bgp ──▶ BIRDs ──▶ judge ◀── model ◀── what was really sent, and when
 *     faults  ──▶ processes        │                                  ▲
 *                                  └── probes: up again? ── timeline ─┘
 */
import { setTimeout as pause } from 'node:timers/promises'
import { perform } from './actions.ts'
import { BOUNDS } from './bounds.ts'
import { consequenceOf } from './effects.ts'
import { type Fault, type Scene, scenes, type Shape } from './faults.ts'
import { type Fleet, writeList } from './fleet.ts'
import { Judge } from './judge.ts'
import { Model } from './model.ts'
import { Dice } from './random.ts'
import { Recovery } from './recovery.ts'
import { type Report, type SceneRow, tellFault } from './report.ts'
import { startFleet } from './shapes.ts'
import { SAMPLE_MS, Stalls } from './stalls.ts'
import { type Outage, Timeline } from './timeline.ts'
import { Traffic } from './traffic.ts'
import { makeUniverse, type Name, type Universe } from './universe.ts'

export interface SoakOptions {
  readonly shape: Shape
  readonly seed: number
  /** Of the run itself; the start comes before. */
  readonly durationMs: number
  readonly names: number
  /** The short lifetime; the others follow from it. */
  readonly briefMs: number
  readonly relearnMs: number
  /** Between two scenes, at least. */
  readonly quietMs: number
  /** Every kind of fault, or those that a short run has time for. */
  readonly full: boolean
  readonly say: (line: string) => void
}

export async function soak(options: SoakOptions): Promise<Report> {
  const universe = makeUniverse(options.seed, options.names, options.briefMs)
  const fleet = await startFleet({ shape: options.shape, universe, relearnMs: options.relearnMs })
  try {
    return await new Run(options, universe, fleet).whole()
  } finally {
    await fleet.close()
  }
}

const TICK_MS = 100
const LOOK_MS = 1000
const PEER_REQUESTS = 8

class Run {
  readonly #options: SoakOptions
  readonly #universe: Universe
  readonly #fleet: Fleet
  readonly #stalls: Stalls
  readonly #timeline: Timeline
  readonly #model: Model
  readonly #judge: Judge
  readonly #recovery: Recovery
  readonly #traffic: Traffic
  readonly #edits: Dice
  readonly #rows: SceneRow[] = []
  readonly #listed = new Map<string, boolean>()
  #startMs = 0
  #scene = 0
  #outage: Outage | undefined
  #storeLost: { readonly outage: Outage; readonly atMs: number } | undefined
  /** What goes on of the present scene: faults not yet put right. */
  #busy = 0
  /** What the last look saw, by seat. */
  #held = new Map<string, ReadonlySet<string>>()
  #looks = 0
  #lookups = 0
  #over = false

  constructor(options: SoakOptions, universe: Universe, fleet: Fleet) {
    this.#options = options
    this.#universe = universe
    this.#fleet = fleet
    this.#stalls = new Stalls(() => [process.pid, ...fleet.parts.flatMap((part) => part.pid ?? [])])
    this.#timeline = new Timeline((from, to) => this.#stalls.between(from, to))
    this.#model = new Model(this.#timeline)
    this.#judge = new Judge(this.#model)
    this.#recovery = new Recovery(fleet, this.#model, universe.lifetimeMs.probe)
    this.#traffic = new Traffic(universe, fleet.resolvers.length)
    this.#edits = new Dice(options.seed, 'edits')
    for (const name of universe.names) if (name.list === 'edited') this.#listed.set(name.name, true)
  }

  async whole(): Promise<Report> {
    this.#startMs = Date.now()
    const loops = [this.#every(TICK_MS, () => this.#send()), this.#every(LOOK_MS, () => this.#look()), this.#sampling()]
    loops.push(
      this.#every(this.#options.briefMs / 2, () => this.#peerTells()),
      this.#every(SAMPLE_MS, () => this.#mindTheEnded()),
    )
    try {
      await this.#firstStart()
      for (const scene of scenes(this.#options.seed, this.#options.shape, this.#options)) {
        if (Date.now() - this.#startMs > this.#options.durationMs) break
        await this.#play(scene)
      }
      await this.#lastJudgements()
    } finally {
      this.#over = true
      await Promise.all(loops)
    }
    return {
      shape: this.#options.shape,
      seed: this.#options.seed,
      seconds: Math.round((Date.now() - this.#startMs) / 1000),
      lookups: this.#lookups,
      routes: Math.max(0, ...[...this.#held.values()].map((held) => held.size)),
      looks: this.#looks,
      checks: this.#judge.checks,
      removals: this.#judge.removalsJudged,
      stalledShare: this.#stalls.share,
      scenes: this.#rows,
      violations: this.#judge.violations,
      logs: new Map(this.#fleet.parts.map((part) => [part.name, part.log()])),
    }
  }

  /** The start counts as an outage: nothing is judged before the whole path works. */
  async #firstStart(): Promise<void> {
    this.#outage = this.#timeline.begin(this.#startMs)
    this.#outage.add('start', {})
    this.#fleet.birds.forEach((bird) => bird.seats.forEach((seat) => this.#judge.seatAway(seat, this.#startMs)))
    await this.#untilRecovered('the start')
    await pause(this.#options.quietMs)
  }

  async #play(scene: Scene): Promise<void> {
    this.#scene = scene.number
    const what = scene.faults.map((one) => tellFault(one.fault)).join(' + ')
    this.#options.say(`scene ${scene.number}: ${what}`)
    const before = { checks: this.#judge.checks, atMs: Date.now() }
    let interrupted = false
    const deeds: Promise<void>[] = []
    for (const { gapMs, fault } of scene.faults) {
      await pause(gapMs)
      deeds.push(this.#perform(fault))
      interrupted ||= consequenceOf(fault, this.#options.shape).interrupts
    }
    await Promise.all(deeds)
    const restoredMs = Date.now()
    if (interrupted) await this.#untilRecovered(what)
    this.#rows.push({
      number: scene.number,
      what,
      atMs: before.atMs - this.#startMs,
      downMs: restoredMs - before.atMs,
      recoveredMs: interrupted ? Date.now() - restoredMs : 0,
      checks: () => this.#judge.checks - before.checks,
    })
    await pause(scene.quietMs)
    const row = this.#rows[this.#rows.length - 1]
    const checks = row.checks()
    this.#rows[this.#rows.length - 1] = { ...row, checks: () => checks }
  }

  async #perform(fault: Fault): Promise<void> {
    const consequence = consequenceOf(fault, this.#options.shape)
    this.#busy++
    const doubts: ((untilMs: number) => void)[] = []
    try {
      await perform(fault, this.#fleet, { edit: (edit) => this.#edit(edit) }, () => {
        const nowMs = Date.now()
        for (const via of consequence.doubts ?? []) doubts.push(this.#model.doubt(via, nowMs))
        if (!consequence.interrupts) return
        this.#outage ??= this.#timeline.begin(nowMs)
        this.#outage.add(tellFault(fault), consequence)
        for (const bird of this.#fleet.birds)
          if (consequence.birds?.includes(bird.daemon.name)) bird.seats.forEach((seat) => this.#judge.seatAway(seat, nowMs))
        if (consequence.storeLost === undefined) return
        const fileMs = consequence.storeLost === 'stale' ? 0 : BOUNDS.announcedFileMs + BOUNDS.settleMs
        this.#model.storeLost(nowMs, this.#options.relearnMs, fileMs)
        this.#storeLost = { outage: this.#outage, atMs: nowMs }
      })
    } finally {
      this.#busy--
      for (const end of doubts) end(Date.now())
    }
  }

  /** Probes until the whole path works; then the outage is over, and what took too long is told. */
  async #untilRecovered(what: string): Promise<void> {
    const fromMs = Date.now()
    this.#recovery.begin()
    let told = false
    let helped = false
    for (;;) {
      await this.#restartWhatEnded()
      this.#recovery.probe(Date.now())
      this.#held = await this.#readSeats()
      const working = this.#held.size === this.#seats().length && this.#recovery.arrived(this.#held)
      const notReady = working ? await this.#recovery.notReady() : []
      if (working && notReady.length === 0) break
      const nowMs = Date.now()
      if (!told && nowMs - fromMs > BOUNDS.recoveryMs + this.#stalls.between(fromMs, nowMs)) {
        told = true
        this.#judge.report(working ? 'not ready' : 'not recovered', what, nowMs, this.#scene, [...notReady, ...this.#tails()])
        this.#options.say(`${what}: not recovered after ${Math.round((nowMs - fromMs) / 1000)} s`)
      }
      if (!told || helped) {
        if (nowMs - fromMs > 10 * BOUNDS.recoveryMs) throw new Error(`${what}: given up`)
        await pause(SAMPLE_MS)
        continue
      }
      // So that the rest of the run can be judged.
      helped = true
      await this.#restartPrograms()
    }
    this.#endOutage(Date.now())
  }

  async #restartPrograms(): Promise<void> {
    this.#outage?.add('all programs restarted', { loses: ['*'] })
    const programs = this.#fleet.parts.filter((part) => part.kind === 'product')
    await Promise.all(programs.map((part) => part.kill()))
    await Promise.all(programs.map((part) => part.start()))
    this.#recovery.begin()
  }

  #endOutage(nowMs: number): void {
    if (this.#outage !== undefined) this.#outage.toMs = nowMs
    const lost = this.#storeLost
    if (lost !== undefined && lost.outage === this.#outage)
      this.#model.heldUntil(lost.atMs, nowMs + this.#options.relearnMs + BOUNDS.afterOutageMs)
    this.#storeLost = undefined
    this.#outage = undefined
    this.#judge.seatsBack(nowMs)
  }

  /** A process that ended without our doing is told, and started again. */
  async #restartWhatEnded(): Promise<void> {
    for (const part of this.#fleet.parts) {
      if (!part.endedByItself) continue
      const nowMs = Date.now()
      this.#outage ??= this.#timeline.begin(nowMs)
      this.#outage.add(`${part.name} ended by itself`, { loses: ['*'] })
      this.#judge.report('ended', part.name, nowMs, this.#scene, part.log().trimEnd().split('\n').slice(-12))
      this.#options.say(`${part.name} ended by itself`)
      await part.start()
    }
  }

  /** Between the faults of scenes. */
  async #mindTheEnded(): Promise<void> {
    if (this.#busy > 0 || this.#outage !== undefined || !this.#fleet.parts.some((part) => part.endedByItself)) return
    this.#outage = this.#timeline.begin(Date.now())
    await this.#untilRecovered('a process that ended by itself')
  }

  #seats(): string[] {
    return this.#fleet.birds.flatMap((bird) => bird.seats)
  }

  async #readSeats(): Promise<Map<string, ReadonlySet<string>>> {
    const held = new Map<string, ReadonlySet<string>>()
    for (const bird of this.#fleet.birds) {
      const part = this.#fleet.parts.find((one) => one.name === bird.daemon.name)
      if (part?.down === true) continue
      for (const seat of bird.seats) {
        const routes = await bird.routes(seat).catch(() => undefined)
        if (routes !== undefined) held.set(seat, routes)
      }
    }
    return held
  }

  async #look(): Promise<void> {
    const fromMs = Date.now()
    for (const bird of this.#fleet.birds) this.#judge.removed(bird.removals(), this.#scene)
    const held = await this.#readSeats()
    const toMs = Date.now()
    this.#judge.settle(toMs)
    for (const [seat, routes] of held) this.#judge.look(seat, routes, fromMs, toMs, this.#scene)
    this.#held = held
    this.#looks++
  }

  #send(): void {
    const dueMs = Date.now() - this.#startMs
    for (const { name, ttlSeconds, resolver } of this.#traffic.until(dueMs)) {
      const atMs = Date.now()
      this.#lookups++
      if (!this.#fleet.resolvers[resolver].say({ name: name.name, addresses: name.addresses, ttlSeconds, atMs })) continue
      for (const address of name.addresses)
        if (name.list === undefined) this.#model.unlisted(address)
        else
          this.#model.sighted(name.list, name.name, address, {
            atMs,
            lifetimeMs: this.#lifetimeMs(name, ttlSeconds),
            via: `resolver-${resolver + 1}`,
          })
    }
  }

  #lifetimeMs(name: Name, ttlSeconds: number): number {
    const { dns, lifetimeMs } = this.#universe
    if (name.list === 'dns') return Math.max(dns.minMs, ttlSeconds * 1000) + dns.graceMs
    return lifetimeMs[name.list ?? 'brief']
  }

  /** The sync peer tells all it knows; what the gateway took has arrived. */
  async #peerTells(): Promise<void> {
    const names = this.#universe.names.filter((name) => name.list === 'peer')
    const nowMs = Date.now()
    const entries = names.flatMap((name) => name.addresses.map((address) => ({ name: name.name, address, seenMs: nowMs })))
    const lifetimeMs = this.#universe.lifetimeMs.peer
    for (const { name, address, seenMs } of entries) this.#model.maybe('peer', name, address, seenMs, lifetimeMs)
    this.#fleet.peer.knows(entries)
    if (!this.#fleet.peer.here) return
    const waiting = [...entries]
    const tellOne = async () => {
      for (let entry = waiting.pop(); entry !== undefined && !this.#over; entry = waiting.pop()) {
        const sentMs = Date.now()
        if (!(await this.#fleet.peer.tell(this.#fleet.gateway, entry))) continue
        // It lives from when it was seen, and is under way since it was sent.
        const leftMs = lifetimeMs - (sentMs - entry.seenMs)
        this.#model.sighted('peer', entry.name, entry.address, { atMs: sentMs, lifetimeMs: leftMs, via: 'peer' })
      }
    }
    await Promise.all(Array.from({ length: PEER_REQUESTS }, tellOne))
  }

  #edit(fault: Extract<Fault, { kind: 'edit' }>): void {
    const nowMs = Date.now()
    const names = [...this.#listed.keys()]
    for (const name of names) {
      const covered = this.#edits.chance(fault.share)
      if (covered === this.#listed.get(name)) continue
      this.#listed.set(name, covered)
      this.#model.edited(name, covered, nowMs)
    }
    writeList(
      this.#fleet.work,
      'edited',
      names.filter((name) => this.#listed.get(name) === true),
      fault.inPlace,
    )
  }

  /** Until what was under way is known to have arrived, and the last removals are judged. */
  async #lastJudgements(): Promise<void> {
    await pause(BOUNDS.settleMs * 3)
    const last = this.#timeline.outages.at(-1)
    if (last === undefined) return
    const readyMs = last.toMs + BOUNDS.afterOutageMs + 3 * BOUNDS.settleMs
    await pause(Math.max(0, readyMs - Date.now()))
  }

  async #every(periodMs: number, act: () => void | Promise<void>): Promise<void> {
    while (!this.#over) {
      const startedMs = Date.now()
      await act()
      await pause(Math.max(1, periodMs - (Date.now() - startedMs)))
    }
  }

  async #sampling(): Promise<void> {
    while (!this.#over) {
      const plannedMs = Date.now() + SAMPLE_MS
      await pause(SAMPLE_MS)
      this.#stalls.sample(Date.now(), Math.max(0, Date.now() - plannedMs))
    }
  }

  #tails(): string[] {
    return this.#fleet.parts
      .filter((part) => part.kind === 'product')
      .flatMap((part) => [`── ${part.name}`, ...part.log().trimEnd().split('\n').slice(-6)])
  }
}
