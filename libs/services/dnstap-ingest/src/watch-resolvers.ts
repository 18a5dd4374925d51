/** Reports how the resolvers are that we ask ourselves: health of each, metrics, rows for the admin API. */
import type { ADMIN_API, ReplyOf } from '@dnstap-bgp/admin-api'
import type { Config } from '@dnstap-bgp/config'
import type { Metronome, ProbedResolver, ProbedResolverConfig, ResolverProbes, WarmNames } from '@dnstap-bgp/resolver-probe'
import type { Clock } from '@dnstap-bgp/runtime'
import type { Health, HealthComponent, Metrics, Sample } from '@dnstap-bgp/telemetry'

const QUANTILES = [0.5, 0.99] as const

/** The resolvers that are asked something. */
export function probedResolvers({ resolvers, ipv6 }: Pick<Config, 'resolvers' | 'ipv6'>): ProbedResolverConfig[] {
  return resolvers
    .map(({ name, address, port, kind, flushTargetMs, warm }) => ({
      ...{ name, address, port, kind },
      metronome: flushTargetMs !== undefined && (kind === 'unbound' || kind === 'bind') ? { kind, flushTargetMs } : undefined,
      warm: warm && { ...warm, ipv6 },
    }))
    .filter(({ metronome, warm }) => metronome !== undefined || warm !== undefined)
}

export function describeResolverMetrics(metrics: Metrics, { resolvers }: ResolverProbes): void {
  const ofEach = (valueOf: (asker: Metronome | WarmNames) => number): Sample<'resolver' | 'for'>[] =>
    [...resolvers.values()].flatMap(({ config, metronome, warm }) => [
      ...(metronome === undefined ? [] : [{ labels: { resolver: config.name, for: 'metronome' }, value: valueOf(metronome) }]),
      ...(warm === undefined ? [] : [{ labels: { resolver: config.name, for: 'warm' }, value: valueOf(warm) }]),
    ])
  const ofWarm = (valueOf: (warm: WarmNames) => number): Sample<'resolver'>[] =>
    [...resolvers.values()].flatMap(({ config, warm }) =>
      warm === undefined ? [] : [{ labels: { resolver: config.name }, value: valueOf(warm) }],
    )
  metrics.counter({
    name: 'ingest_resolver_questions_total',
    help: 'Questions of our own to a resolver: of the metronome, or for names that are kept warm.',
    labels: ['resolver', 'for'],
    read: () => ofEach((asker) => asker.questions),
  })
  metrics.counter({
    name: 'ingest_resolver_answers_total',
    help: 'Answers to our own questions.',
    labels: ['resolver', 'for'],
    read: () => ofEach((asker) => asker.answers),
  })
  metrics.gauge({
    name: 'ingest_resolver_delay_seconds',
    help: 'How long an answer of a resolver with a metronome waits until we have it, by the share of answers that wait no longer.',
    labels: ['resolver', 'quantile'],
    read: () =>
      [...resolvers.values()].flatMap(({ config, metronome }) =>
        QUANTILES.flatMap((quantile) => {
          const delayMs = metronome?.delayMs(quantile)
          if (delayMs === undefined) return []
          return [{ labels: { resolver: config.name, quantile: String(quantile) }, value: delayMs / 1000 }]
        }),
      ),
  })
  metrics.gauge({
    name: 'ingest_warm_names',
    help: 'Names that are kept warm at a resolver.',
    labels: ['resolver'],
    read: () => ofWarm(({ set }) => set.size),
  })
  metrics.counter({
    name: 'ingest_warm_forgotten_total',
    help: 'Names that are no longer kept warm because there was no room, or because the budget did not pay for all.',
    labels: ['resolver'],
    read: () => ofWarm(({ set }) => set.evicted + set.beyondBudget),
  })
}

/** Call the returned function once a second. */
export function watchResolvers({ resolvers }: ResolverProbes, health: Health): () => void {
  const components = new Map<string, HealthComponent>()
  return () => {
    for (const [name, component] of components) {
      if (resolvers.has(name)) continue
      component.remove()
      components.delete(name)
    }
    for (const [name, resolver] of resolvers) {
      let component = components.get(name)
      if (component === undefined) components.set(name, (component = health.component(`resolver ${name}`)))
      const why = troubleOf(resolver)
      if (why === undefined) component.ok()
      else component.degraded(why)
    }
  }
}

function troubleOf({ metronome, warm }: ProbedResolver): string | undefined {
  const isSilent = metronome?.state === 'no-answer' || warm?.isPaused === true
  if (isSilent)
    return 'The resolver does not answer our questions. Its dnstap frames may come a second late, and no name is kept warm.'
  if (metronome?.state === 'no-frames')
    return 'The resolver answers our questions and sends us no dnstap frames about them. Its frames may come a second late.'
  if (metronome?.state === 'slow')
    return `Answers wait longer than ${metronome.flushTargetMs} ms in the resolver: half of them ${describeDelay(metronome, 0.5)}, one in a hundred more than ${describeDelay(metronome, 0.99)}.`
  return undefined
}

function describeDelay(metronome: Metronome, share: number): string {
  return `${metronome.delayMs(share) ?? 0} ms`
}

export function resolverRows({ resolvers }: ResolverProbes, clock: Clock): ReplyOf<typeof ADMIN_API.senders>['resolvers'] {
  return [...resolvers.values()].map(({ config, metronome, warm }) => ({
    resolver: config.name,
    kind: config.kind,
    metronome: metronome === undefined ? 'off' : metronome.state,
    flushTargetMs: metronome?.flushTargetMs ?? null,
    delayMs: metronome?.delayMs(0.5) ?? null,
    longDelayMs: metronome?.delayMs(0.99) ?? null,
    warmNames: warm?.set.size ?? null,
    warmLateMs: warm === undefined ? null : Math.round(warm.set.lateMs(clock.monotonic())),
    questions: (metronome?.questions ?? 0) + (warm?.questions ?? 0),
    answers: (metronome?.answers ?? 0) + (warm?.answers ?? 0),
  }))
}
