/**
 * A hundred thousand routes of a million that expire in the same instant, in both shapes: how late is each withdrawn in a real BIRD?
 *
 * Usage: tsx tools/bench/expiry.bench.ts [--json] [--shape all-in-one|services] [--count 1000000] [--ttl 60]
 *
 * A tenth of the answers is of a list with a short TTL and carries one and the same response time, which makes one deadline for all of them;
 * BIRD's own log (microseconds) says when each was gone. Held: the longest that the loop of one of the programs was kept from its next
 * turn meanwhile; it includes waiting for a processor, which BIRD, Redis and the rest of the bench want as well.
 */
import { waitFor } from '@dnstap-bgp/testkit'
import { addressOf, frameOf, heldMs, now, option, percentile, round, startWholePath, type Shape } from './whole-path.ts'

const count = Number(option('count', '1000000'))
const due = count / 10
const ttlSeconds = Number(option('ttl', '60'))

async function measure(shape: Shape) {
  const path = await startWholePath(shape, { 'long.example': '24h', 'short.example': `${ttlSeconds}s` })
  try {
    const arrive = (routes: number) =>
      waitFor(() => path.bird.routes() >= routes, {
        timeoutMs: 300_000,
        what: () => `${routes} routes in BIRD; it has ${path.bird.routes()}`,
      })
    const send = async (from: number, to: number, domain: string, seenAtMs?: number) => {
      for (let n = from; n < to; n += 500) {
        const frames = Array.from({ length: Math.min(500, to - n) }, (_, i) => frameOf(n + i, domain, seenAtMs))
        await path.send(Buffer.concat(frames))
      }
    }
    // No faster than it arrives: what waits too long in front of the cache is no measure of expiry.
    for (let n = due; n < count; n += due) {
      await send(n, n + due, 'long.example')
      await arrive(n)
    }
    const seenAtMs = Math.floor(now())
    const deadlineMs = seenAtMs + ttlSeconds * 1000
    await send(0, due, 'short.example', seenAtMs)
    await arrive(count)
    await waitFor(() => now() > deadlineMs - 2000, { timeoutMs: ttlSeconds * 1000, what: 'the deadline to come near' })
    await heldMs(path.programs)
    await waitFor(() => path.bird.routes() <= count - due, {
      timeoutMs: 60_000,
      what: () => `${count - due} routes in BIRD; it has ${path.bird.routes()}`,
    })
    const held = await heldMs(path.programs)
    const removed = path.bird.times('removed')
    const lateness = Array.from({ length: due }, (_, n) => (removed.get(`${addressOf(n)}/32`) ?? Infinity) - deadlineMs)
    lateness.sort((a, b) => a - b)
    return {
      shape,
      routes: count,
      expiring: due,
      'earliest ms': round(lateness[0]),
      'p50 ms': round(percentile(lateness, 0.5)),
      'p99 ms': round(percentile(lateness, 0.99)),
      'last ms': round(lateness[lateness.length - 1]),
      'held ms': round(held),
    }
  } finally {
    await path.close()
  }
}

const rows = []
for (const shape of option('shape', 'all-in-one,services').split(',')) rows.push(await measure(shape as Shape))
if (process.argv.includes('--json')) console.log(JSON.stringify({ bench: 'expiry', rows }))
else console.table(rows)
process.exit(0)
