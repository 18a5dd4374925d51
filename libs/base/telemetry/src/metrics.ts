/**
 * Numbers for Prometheus. Hot code counts in plain fields of its own; a metric is a function that reads them when somebody asks.
 *
 * Names get the prefix `dnstap_bgp_`. A metric whose function fails is left out of that answer and counted, the others are served.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

export interface Sample<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>
  readonly value: number
}

export interface PlainMetric {
  /** Without the prefix; counters end in `_total`. */
  readonly name: string
  readonly help: string
  readonly read: () => number
}

export interface LabelledMetric<Label extends string> {
  readonly name: string
  readonly help: string
  readonly labels: readonly Label[]
  readonly read: () => Iterable<Sample<Label>>
}

export interface Observer {
  observe(value: number): void
}

const PREFIX = 'dnstap_bgp_'

export class Metrics {
  readonly contentType: string
  readonly #registry = new Registry()
  #unreadable = 0

  constructor({ process = true }: { readonly process?: boolean } = {}) {
    this.contentType = this.#registry.contentType
    if (process) collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 20 })
    this.counter({
      name: 'metrics_unreadable_total',
      help: 'Metrics left out of an answer because reading them failed.',
      read: () => this.#unreadable,
    })
  }

  /** A number that only grows while the process lives. */
  counter<Label extends string = never>(metric: PlainMetric | LabelledMetric<Label>): void {
    if (!metric.name.endsWith('_total')) throw new RangeError(`the counter ${metric.name} must end in _total`)
    const read = this.#reader(metric, 0)
    const isLabelled = 'labels' in metric
    new Counter({
      name: PREFIX + metric.name,
      help: metric.help,
      labelNames: labelsOf(metric),
      registers: [this.#registry],
      collect() {
        this.reset()
        const samples = read()
        for (const { labels, value } of samples) this.inc(labels, value)
        if (samples.length === 0 && !isLabelled) this.remove() // reset() made it 0, which is not what is known
      },
    })
  }

  /** A number that goes up and down. */
  gauge<Label extends string = never>(metric: PlainMetric | LabelledMetric<Label>): void {
    const read = this.#reader(metric, -Infinity)
    const isLabelled = 'labels' in metric
    new Gauge({
      name: PREFIX + metric.name,
      help: metric.help,
      labelNames: labelsOf(metric),
      registers: [this.#registry],
      collect() {
        this.reset()
        const samples = read()
        for (const { labels, value } of samples) this.set(labels, value)
        if (samples.length === 0 && !isLabelled) this.remove() // reset() made it 0, which is not what is known
      },
    })
  }

  /** For durations of cold things (a reload, a fetch); it costs a microsecond per value. */
  histogram(metric: { readonly name: string; readonly help: string; readonly buckets: readonly number[] }): Observer {
    return new Histogram({
      name: PREFIX + metric.name,
      help: metric.help,
      buckets: [...metric.buckets],
      registers: [this.#registry],
    })
  }

  /** What /metrics answers. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** The samples of a metric now, or nothing at all when they cannot be read. */
  #reader<Label extends string>(
    metric: PlainMetric | LabelledMetric<Label>,
    minimum: number,
  ): () => readonly { labels: Record<string, string>; value: number }[] {
    return () => {
      try {
        const found = metric.read()
        const samples = typeof found === 'number' ? [{ labels: {}, value: found }] : [...found]
        // prom-client throws on what is no number, and a counter on what is negative.
        for (const { value } of samples)
          if (!Number.isFinite(value) || value < minimum) throw new RangeError(`${metric.name} is ${value}`)
        return samples
      } catch {
        this.#unreadable++
        return []
      }
    }
  }
}

function labelsOf<Label extends string>(metric: PlainMetric | LabelledMetric<Label>): readonly string[] {
  return 'labels' in metric ? metric.labels : []
}
