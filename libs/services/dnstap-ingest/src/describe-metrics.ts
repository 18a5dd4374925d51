/** Ingest's numbers for Prometheus. */
import { messageTypeName } from '@dnstap-bgp/dnstap'
import { samplesOf, type Metrics, type Sample } from '@dnstap-bgp/telemetry'
import type { HoldDesk } from './hold-desk.ts'
import type { Ingest } from './ingest.ts'
import type { SenderFacts } from './sender-identities.ts'

export function describeIngestMetrics(metrics: Metrics, ingest: Ingest): void {
  const { counters, outbox } = ingest
  metrics.counter({ name: 'ingest_frames_total', help: 'dnstap frames received.', read: () => counters.frames })
  metrics.counter({
    name: 'ingest_own_frames_total',
    help: 'Frames about questions of our own ([[resolver]]), from which nothing is learnt.',
    read: () => counters.ownFrames,
  })
  metrics.counter({
    name: 'ingest_messages_total',
    help: 'dnstap messages by type.',
    labels: ['type'],
    read: () =>
      samplesOf(
        'type',
        // The last place is unused; 0 counts the unknown types.
        Object.fromEntries(
          [...ingest.framesByType.subarray(0, 15)].map((count, type) => [messageTypeName(type) ?? 'unknown', count]),
        ),
      ),
  })
  metrics.counter({
    name: 'ingest_unusable_total',
    help: 'Frames from which nothing can be learnt, by reason.',
    labels: ['reason'],
    read: () =>
      samplesOf('reason', {
        ...counters.dnstapFaults,
        ...counters.responseFaults,
        'other-type': counters.otherTypes,
        'no-response': counters.noResponse,
      }),
  })
  metrics.counter({
    name: 'ingest_answers_total',
    help: 'Usable answers, by whether a name in them is listed.',
    labels: ['result'],
    read: () => samplesOf('result', { matched: counters.matched, unmatched: counters.unmatched }),
  })
  metrics.counter({
    name: 'ingest_left_out_total',
    help: 'Addresses and records of usable answers that were left out, by reason.',
    labels: ['reason'],
    read: () =>
      samplesOf('reason', {
        'off-chain': counters.offChainRecords,
        malformed: counters.malformedRecords,
        'other-class': counters.otherClassRecords,
        'too-many': counters.excessRecords,
        'too-old': counters.tooOld,
        'ipv6-off': counters.ipv6Off,
        'resolver-address': counters.resolverAddress,
        'no-address': counters.withoutAddress,
      }),
  })
  metrics.counter({
    name: 'ingest_truncated_answers_total',
    help: 'Answers with TC set; their whole records were used.',
    read: () => counters.truncated,
  })
  metrics.counter({
    name: 'ingest_looped_answers_total',
    help: 'Answers whose chain of names came back to itself.',
    read: () => counters.loopedChains,
  })
  metrics.counter({
    name: 'ingest_forgotten_total',
    help: 'Entries forgotten before their time for lack of room: facts, targets of chains, identities, resolvers.',
    labels: ['what'],
    read: () => samplesOf('what', { ...ingest.evicted }),
  })
  metrics.gauge({
    name: 'ingest_resolver_addresses',
    help: 'Addresses of resolvers that report to us; they are never routed.',
    read: () => ingest.resolverAddresses,
  })
  metrics.counter({
    name: 'ingest_sender_frames_total',
    help: 'Frames by the identity that senders state.',
    labels: ['identity'],
    read: () => bySender(ingest, (sender) => sender.frames),
  })
  metrics.gauge({
    name: 'ingest_sender_last_seen_seconds',
    help: 'Unix time of the last frame, by the identity that senders state.',
    labels: ['identity'],
    read: () => bySender(ingest, (sender) => sender.lastSeenMs / 1000),
  })
  metrics.counter({
    name: 'ingest_joined_answers_total',
    help: 'Answers that continued a listed chain seen before.',
    read: () => counters.linksJoined,
  })
  metrics.counter({
    name: 'ingest_facts_total',
    help: 'Addresses of listed names by what became of them.',
    labels: ['result'],
    read: () =>
      samplesOf('result', {
        repeat: counters.repeats,
        'sent-news': outbox.counters.sentNews,
        'sent-refresh': outbox.counters.sentRefreshes,
        'dropped-news': outbox.counters.droppedNews,
        'dropped-refresh': outbox.counters.droppedRefreshes,
      }),
  })
  metrics.gauge({ name: 'ingest_waiting_facts', help: 'Facts waiting for the bus.', read: () => outbox.waiting })
}

export function describeHolds(metrics: Metrics, holds: HoldDesk): void {
  metrics.counter({
    name: 'ingest_held_answers_total',
    help: 'Answers that a hook asked to hold back, by what became of them.',
    labels: ['result'],
    read: () => {
      const { nothing, routedBefore, routed, late, known, resting, full } = holds.counters
      return samplesOf('result', {
        'nothing-to-wait-for': nothing,
        'routed-before': routedBefore,
        routed,
        late,
        'known-to-be-unrouted': known,
        'nothing-is-confirmed': resting,
        'too-many': full,
      })
    },
  })
}

function bySender(ingest: Ingest, valueOf: (sender: SenderFacts) => number): Sample<'identity'>[] {
  return [...ingest.senders.byIdentity].map(([identity, sender]) => ({ labels: { identity }, value: valueOf(sender) }))
}
