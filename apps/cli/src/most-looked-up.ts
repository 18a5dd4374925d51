/** The names that a capture was asked for most often. */
import { LocalBus } from '@dnstap-bgp/bus'
import { nameLength, nameToText } from '@dnstap-bgp/dns-wire'
import { Ingest } from '@dnstap-bgp/dnstap-ingest-service'
import { nextTurn, silentLog, systemClock } from '@dnstap-bgp/runtime'
import { readCapture } from './capture.ts'

export interface LookedUp {
  readonly name: string
  readonly count: number
}

const MAX_NAMES = 1_000_000

/** Every name of a chain counts, as a list may match each of them. */
export async function mostLookedUp(capture: string, howMany: number, types: readonly string[]): Promise<LookedUp[]> {
  const counts = new Map<string, number>()
  const counting = {
    match(bytes: Uint8Array, offset: number): number {
      const name = nameToText(bytes.subarray(offset, offset + nameLength(bytes, offset)), 0).toLowerCase()
      const count = counts.get(name)
      if (count !== undefined || counts.size < MAX_NAMES) counts.set(name, (count ?? 0) + 1)
      return -1
    },
    verdict: () => [],
  }
  const bus = new LocalBus({ pause: nextTurn })
  const ingest = new Ingest(
    { ipv6: true, types, lists: [] },
    { bus, clock: systemClock, matcher: counting, log: silentLog, seed: [1, 1] },
  )
  try {
    await readCapture(capture, (bytes, start, end) => ingest.frame({ origin: capture }, bytes, start, end))
  } finally {
    await ingest.close()
    await bus.close()
  }
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .slice(0, howMany)
}
