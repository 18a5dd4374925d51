/** Which pattern do the delays show, from a resolver's answer to the frame? */
import { BIND_OPTIONS } from './examine-senders.ts'
import { advice, ok, problem, type Finding } from './finding.ts'

const ABOUT = 'delay'
const QUICK_MS = 300
const BATCH_MS = 1250

/** `delaysMs`: of lookups one by one; undefined: no frame came while we waited. */
export function judgeDelays(resolver: string, delaysMs: readonly (number | undefined)[]): Finding {
  const came = delaysMs.filter((delay) => delay !== undefined).sort((a, b) => a - b)
  if (came.length === 0)
    return problem(
      ABOUT,
      `${resolver} answers, and no frame comes. It does not report here, or leaves out what it answers itself or from its cache.`,
      'addCacheHitResponseAction(AllRule(), DnstapLogResponseAction(identity, logger))   -- dnsdist.conf',
    )
  const median = came[came.length >> 1]
  const longest = came[came.length - 1]
  const seen = `An answer of ${resolver} takes ${Math.round(median)} ms until we have it, ${Math.round(longest)} ms at most (${came.length} lookups)`
  if (longest < QUICK_MS && came.length === delaysMs.length) return ok(ABOUT, `${seen}.`)
  if (median < QUICK_MS)
    return problem(
      ABOUT,
      `${seen}: now and then a frame waits for a second, as when libfstrm loses a wake-up. Leave client queries out of the report.`,
      'dnstap { client response; };   # named.conf, in options',
    )
  if (median < BATCH_MS)
    return advice(
      ABOUT,
      `${seen}: the resolver's batch. Without a hook or a metronome a lone answer waits for a second. (A hook hands over answers with addresses; this lookup had none.)`,
      '[[resolver]]   # in our configuration; or a hook: deploy/resolvers/README.md',
      `address = "${resolver}"`,
      'kind = "unbound"   # or "bind"',
      'flushTarget = "25ms"',
    )
  return advice(
    ABOUT,
    `${seen}: the resolver's library is as it comes. BIND and dnsdist are quicker with these options.`,
    ...BIND_OPTIONS,
  )
}
