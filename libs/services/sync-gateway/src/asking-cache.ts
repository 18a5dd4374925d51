/**
 * What the gateway asks the cache, and how a peer's entries and our resolutions become each other.
 *
 * A question is bounded in entries and in octets, so that it fits one message of NATS however long the names are.
 */
import type { Bus } from '@dnstap-bgp/bus'
import type { PeerEntry } from '@dnstap-bgp/peer-sync'
import { BINDINGS, OFFER, type OfferAnswer, type Resolution } from '@dnstap-bgp/steering'

const MAX_ENTRIES = 500
/** Of names and addresses; a name travels twice. Far below the 1 MiB that NATS takes unless told otherwise. */
const MAX_CHARACTERS = 200_000

/**
 * Entries carry no TTL, and matter only to lists with `ttl = "dns"`, which clamp this. It must outlast the ten minutes after which a peer
 * tells at the latest that a name is still looked up: with less, a route whose TTL is long would come and go here.
 */
const UNKNOWN_TTL_SECONDS = 900

/** Everything the cache has that was looked up. @throws BusError when it cannot be asked, perhaps midway */
export async function* entriesOfCache(bus: Bus): AsyncIterable<readonly PeerEntry[]> {
  for await (const part of bus.askStream(BINDINGS, undefined)) yield part.map(peerEntryOf)
}

/** What the cache says to each entry. @throws BusError when it cannot be asked */
export async function offerToCache(bus: Bus, entries: readonly PeerEntry[], from: string): Promise<readonly OfferAnswer[]> {
  const answers: OfferAnswer[] = []
  for (const question of questions(entries)) {
    const resolutions = question.map((entry) => resolutionOf(entry, from))
    answers.push(...(await bus.ask(OFFER, resolutions)))
  }
  return answers
}

function* questions(entries: readonly PeerEntry[]): Iterable<readonly PeerEntry[]> {
  let question: PeerEntry[] = []
  let characters = 0
  for (const entry of entries) {
    const more = 2 * entry.name.length + entry.address.length
    if (question.length >= MAX_ENTRIES || (question.length > 0 && characters + more > MAX_CHARACTERS)) {
      yield question
      question = []
      characters = 0
    }
    question.push(entry)
    characters += more
  }
  if (question.length > 0) yield question
}

export function peerEntryOf({ address, name, seenAtMs }: Resolution): PeerEntry {
  return { address, name, seenAtMs }
}

/** A peer knows no list of ours: the cache finds them. */
function resolutionOf({ address, name, seenAtMs }: PeerEntry, from: string): Resolution {
  const ttlSeconds = UNKNOWN_TTL_SECONDS
  return { list: '', name, rule: '', address, ttlSeconds, seenAtMs, source: { kind: 'sync-peer', name: from }, chain: [name] }
}
