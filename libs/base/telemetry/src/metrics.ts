/**
 * Numbers for Prometheus. Hot code counts in plain fields; a metric is a function that reads such a field when Prometheus asks.
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
    const collect = this.#collector(metric, 0)
    new Counter<string>({
      ...this.#describe(metric),
      collect() {
        collect(this, (labels, value) => this.inc(labels, value))
      },
    })
  }

  /** A number that goes up and down. */
  gauge<Label extends string = never>(metric: PlainMetric | LabelledMetric<Label>): void {
    const collect = this.#collector(metric, -Infinity)
    new Gauge<string>({
      ...this.#describe(metric),
      collect() {
        collect(this, (labels, value) => this.set(labels, value))
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

  #describe<Label extends string>(metric: PlainMetric | LabelledMetric<Label>) {
    const labelNames = 'labels' in metric ? metric.labels : []
    return { name: PREFIX + metric.name, help: metric.help, labelNames, registers: [this.#registry] }
  }

  /** Replaces the samples of a metric by its values now; without samples when it cannot be read. */
  #collector<Label extends string>(
    metric: PlainMetric | LabelledMetric<Label>,
    minimum: number,
  ): (target: { reset(): void; remove(): void }, put: (labels: Record<string, string>, value: number) => void) => void {
    return (target, put) => {
      target.reset()
      try {
        const found = metric.read()
        const samples = typeof found === 'number' ? [{ labels: {}, value: found }] : [...found]
        // prom-client throws on a value that is no number, and a counter on a negative one.
        for (const { value } of samples)
          if (!Number.isFinite(value) || value < minimum) throw new RangeError(`${metric.name} is ${value}`)
        for (const { labels, value } of samples) put(labels, value)
      } catch {
        this.#unreadable++
        if (!('labels' in metric)) target.remove() // reset() made it 0, which is not what is known
      }
    }
  }
}
