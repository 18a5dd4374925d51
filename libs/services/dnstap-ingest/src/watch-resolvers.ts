/** Reports how the resolvers are that we ask ourselves: health of each, metrics, rows for the admin API. */
import type { ADMIN_API, ReplyOf } from '@dnstap-bgp/admin-api'
import type { ResolverConfig } from '@dnstap-bgp/config'
import type { Metronome, ProbedResolver, ResolverProbes } from '@dnstap-bgp/resolver-probe'
import type { Health, HealthComponent, Metrics, Sample } from '@dnstap-bgp/telemetry'

const QUANTILES = [0.5, 0.99] as const

/** The resolvers with a metronome. */
export function probedResolvers(resolvers: readonly ResolverConfig[]): ProbedResolver[] {
  return resolvers.flatMap(({ name, address, port, kind, flushTargetMs }) =>
    flushTargetMs !== undefined && (kind === 'unbound' || kind === 'bind') ? [{ name, address, port, kind, flushTargetMs }] : [],
  )
}

export function describeResolverMetrics(metrics: Metrics, { metronomes }: ResolverProbes): void {
  const ofEach = (valueOf: (metronome: Metronome) => number): Sample<'resolver'>[] =>
    [...metronomes].map(([resolver, metronome]) => ({ labels: { resolver }, value: valueOf(metronome) }))
  metrics.counter({
    name: 'ingest_resolver_questions_total',
    help: 'Questions of our own to a resolver with a metronome.',
    labels: ['resolver'],
    read: () => ofEach((metronome) => metronome.questions),
  })
  metrics.counter({
    name: 'ingest_resolver_answers_total',
    help: 'Answers to our own questions.',
    labels: ['resolver'],
    read: () => ofEach((metronome) => metronome.answers),
  })
  metrics.gauge({
    name: 'ingest_resolver_delay_seconds',
    help: 'How long an answer of a resolver with a metronome waits until we have it, by the share of answers that wait no longer.',
    labels: ['resolver', 'quantile'],
    read: () =>
      [...metronomes].flatMap(([resolver, metronome]) =>
        QUANTILES.flatMap((quantile) => {
          const delayMs = metronome.delayMs(quantile)
          return delayMs === undefined ? [] : [{ labels: { resolver, quantile: String(quantile) }, value: delayMs / 1000 }]
        }),
      ),
  })
}

/** Call the returned function once a second. */
export function watchResolvers({ metronomes }: ResolverProbes, health: Health): () => void {
  const components = new Map<string, HealthComponent>()
  return () => {
    for (const [name, component] of components) {
      if (metronomes.has(name)) continue
      component.remove()
      components.delete(name)
    }
    for (const [name, metronome] of metronomes) {
      let component = components.get(name)
      if (component === undefined) components.set(name, (component = health.component(`resolver ${name}`)))
      const why = troubleOf(metronome)
      if (why === undefined) component.ok()
      else component.degraded(why)
    }
  }
}

function troubleOf(metronome: Metronome): string | undefined {
  switch (metronome.state) {
    case 'no-answer':
      return 'The resolver does not answer our questions. Its dnstap frames may come a second late.'
    case 'no-frames':
      return 'The resolver answers our questions and sends us no dnstap frames about them. Its frames may come a second late.'
    case 'slow':
      return `Answers wait longer than ${metronome.flushTargetMs} ms in the resolver: half of them ${describeDelay(metronome, 0.5)}, one in a hundred more than ${describeDelay(metronome, 0.99)}.`
    case 'starting':
    case 'ok':
      return undefined
  }
}

function describeDelay(metronome: Metronome, share: number): string {
  return `${metronome.delayMs(share) ?? 0} ms`
}

export function resolverRows({ metronomes }: ResolverProbes): ReplyOf<typeof ADMIN_API.senders>['resolvers'] {
  return [...metronomes].map(([resolver, metronome]) => ({
    resolver,
    state: metronome.state,
    flushTargetMs: metronome.flushTargetMs,
    delayMs: metronome.delayMs(0.5) ?? null,
    longDelayMs: metronome.delayMs(0.99) ?? null,
    questions: metronome.questions,
    answers: metronome.answers,
  }))
}
