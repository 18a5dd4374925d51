/** The metrics of a NatsBus. */
import type { Metrics } from '@dnstap-bgp/telemetry'
import type { NatsBus } from './nats-bus.ts'

export function describeBusMetrics(metrics: Metrics, bus: NatsBus): void {
  metrics.counter({
    name: 'bus_undecodable_total',
    help: 'Messages from others that could not be decoded and were dropped, by the name they came under.',
    labels: ['name'],
    read: () => [...bus.counts.undecodableByName].map(([name, value]) => ({ labels: { name }, value })),
  })
  metrics.counter({
    name: 'bus_unpublished_total',
    help: 'Messages that were not published: no connection, or too large.',
    read: () => bus.counts.unpublished,
  })
  metrics.counter({
    name: 'bus_reconnects_total',
    help: 'How often the connection came back.',
    read: () => bus.counts.reconnects,
  })
}
