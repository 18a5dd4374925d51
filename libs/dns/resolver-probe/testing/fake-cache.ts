/** A resolver's cache on a fake clock: records whose address changes, TTLs counted down in seconds, prefetching as Unbound or BIND do it. */
import { dnsResponse, FakeClock } from '@dnstap-bgp/testkit'
import type { QuestionSocketOptions } from '../src/question-socket.ts'
import type { ProbedKind } from '../src/probed-kind.ts'
import { WarmNames, type WarmNamesConfig } from '../src/warm-names.ts'

export interface FakeRecord {
  ttlSeconds: number
  /** A servfail, or a name that is not there. */
  rcode?: number
  /** Types that it has; default A alone. */
  types?: readonly number[]
}

const TYPE_A = 1

export function startFakeCache(
  options: Partial<WarmNamesConfig> & { readonly prefetches?: boolean; readonly staleTtl?: number } = {},
) {
  const clock = new FakeClock()
  const kind: ProbedKind = options.kind ?? 'unbound'
  const cached = new Map<string, { untilMs: number; ttlSeconds: number; version: number }>()
  const state = {
    clock,
    records: new Map<string, FakeRecord>(),
    isAway: false,
    /** Each question: when, and what. */
    asked: [] as { atMs: number; name: string; qtype: number }[],
    /** Of each name, the version that the resolver told us last; the authority makes a new one with every fetch. */
    told: new Map<string, number>(),
    /** Would a lone client be told now what we have been told? It changes nothing. */
    isKnown(name: string): boolean {
      const known = cached.get(`${name} ${TYPE_A}`)
      if (known === undefined) return false
      const isStale = known.untilMs <= clock.monotonic() && options.staleTtl === undefined
      return !isStale && known.version === state.told.get(name)
    },
    fetches: 0,
    warm: undefined as unknown as WarmNames,
  }
  const fetch = (key: string, record: FakeRecord) => {
    state.fetches++
    const nowMs = Math.floor(clock.monotonic() / 1000) * 1000
    const entry = { untilMs: nowMs + record.ttlSeconds * 1000, ttlSeconds: record.ttlSeconds, version: state.fetches }
    cached.set(key, entry)
    return entry
  }
  const answer = (name: string, qtype: number): { ttlSeconds: number; version: number; rcode: number; isEmpty: boolean } => {
    const record = state.records.get(name)
    if (record === undefined) return { ttlSeconds: 0, version: 0, rcode: 3, isEmpty: true }
    if (record.rcode !== undefined) return { ttlSeconds: 0, version: 0, rcode: record.rcode, isEmpty: true }
    if (!(record.types ?? [TYPE_A]).includes(qtype)) return { ttlSeconds: 0, version: 0, rcode: 0, isEmpty: true }
    const key = `${name} ${qtype}`
    const known = cached.get(key)
    const leftSeconds = known === undefined ? 0 : Math.ceil((known.untilMs - clock.monotonic()) / 1000)
    if (known === undefined || leftSeconds <= 0) {
      if (known !== undefined && options.staleTtl !== undefined) {
        clock.after(50, () => fetch(key, record))
        return { ttlSeconds: options.staleTtl, version: known.version, rcode: 0, isEmpty: false }
      }
      const fresh = fetch(key, record)
      return { ttlSeconds: fresh.ttlSeconds, version: fresh.version, rcode: 0, isEmpty: false }
    }
    const isInWindow = kind === 'bind' ? leftSeconds <= 2 : leftSeconds <= known.ttlSeconds / 10
    if (options.prefetches !== false && (kind === 'unbound' || kind === 'bind') && isInWindow)
      clock.after(50, () => fetch(key, record))
    return { ttlSeconds: leftSeconds, version: known.version, rcode: 0, isEmpty: false }
  }
  const open = ({ onOpen, onMessage }: QuestionSocketOptions) => ({
    send(messages: readonly Uint8Array[]) {
      for (const message of messages) {
        const { name, qtype } = questionOf(message)
        state.asked.push({ atMs: clock.monotonic(), name, qtype })
        if (state.isAway) continue
        const { ttlSeconds, rcode, isEmpty, version } = answer(name, qtype)
        if (!isEmpty && qtype === TYPE_A) state.told.set(name, version)
        const answers = isEmpty
          ? []
          : [
              {
                owner: name,
                type: qtype === 28 ? ('AAAA' as const) : ('A' as const),
                ttlSeconds,
                value: qtype === 28 ? '2001:db8::1' : '192.0.2.1',
              },
            ]
        const response = dnsResponse({ qname: name, qtype, rcode, answers })
        response.set(message.subarray(0, 2))
        clock.after(1, () => onMessage(response))
      }
    },
    close: onOpen('127.0.0.1', 40_001),
  })
  state.warm = new WarmNames(
    { address: '127.0.0.1', port: 53, kind, ipv6: false, keepMs: 24 * 3_600_000, queriesPerSecond: 100, ...options },
    { clock, open, onOpen: () => () => undefined },
  )
  return Object.assign(state, {
    /** How often it was asked for this type in the next seconds. */
    questionsIn(seconds: number, qtype?: number): number {
      const before = state.asked.length
      clock.advance(seconds * 1000)
      return state.asked.slice(before).filter((one) => qtype === undefined || one.qtype === qtype).length
    },
  })
}

function questionOf(message: Uint8Array): { name: string; qtype: number } {
  const labels: string[] = []
  let at = 12
  for (let length = message[at]; length > 0; length = message[at]) {
    labels.push(Buffer.from(message.subarray(at + 1, at + 1 + length)).toString('latin1'))
    at += 1 + length
  }
  return { name: labels.join('.'), qtype: (message[at + 1] << 8) | message[at + 2] }
}
