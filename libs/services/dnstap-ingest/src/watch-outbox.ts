/** Reports whether facts reach the bus: as health, and in the log when facts were dropped. Call the returned function once a second. */
import type { Clock, Log } from '@dnstap-bgp/runtime'
import type { HealthComponent } from '@dnstap-bgp/telemetry'
import type { Outbox } from './outbox.ts'

/** The component stays degraded for this long after the last loss; losses are logged once in this time. */
const LOSS_MS = 60_000

export function watchOutbox(outbox: Outbox, health: HealthComponent, clock: Clock, log: Log): () => void {
  const { counters } = outbox
  let toldAtMs = -Infinity
  let toldNews = 0
  let toldRefreshes = 0
  return () => {
    const news = counters.droppedNews - toldNews
    const refreshes = counters.droppedRefreshes - toldRefreshes
    if (news + refreshes > 0 && clock.monotonic() - toldAtMs >= LOSS_MS) {
      log.warn(
        { news, refreshes },
        'Facts were dropped because too many wait for the bus. They are learnt again when their names are looked up.',
      )
      toldAtMs = clock.monotonic()
      toldNews = counters.droppedNews
      toldRefreshes = counters.droppedRefreshes
    }
    if (outbox.failing) health.degraded(`The bus does not take facts; ${outbox.waiting} wait.`)
    else if (outbox.sinceDroppedMs < LOSS_MS)
      health.degraded('Facts were dropped in the last minute: too many waited for the bus.')
    else health.ok()
  }
}
