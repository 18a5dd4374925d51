/** Says how the way to the cache is: as health, and in the log when facts were lost. Call what it returns every second or so. */
import type { Clock, Log } from '@dnstap-bgp/runtime'
import type { HealthComponent } from '@dnstap-bgp/telemetry'
import type { Outbox } from './outbox.ts'

/** So long after the last loss the component stays degraded, and so far apart are the lines that tell of losses. */
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
        'Facts were dropped: too many wait for the bus. They come again when their names are looked up.',
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
