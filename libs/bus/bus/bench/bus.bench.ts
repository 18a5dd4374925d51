// What one message costs on LocalBus: npx tsx libs/bus/bus/bench/bus.bench.ts [--json]
import { LocalBus } from '@dnstap-bgp/bus'
import type { Codec } from '@dnstap-bgp/bus'

const MESSAGES = 2_000_000
const PER_TURN = 200

const codec: Codec<object> = { encode: () => new Uint8Array(), decode: () => ({}) }
const bus = new LocalBus({
  pause: (delayMs) => new Promise((resolve) => (delayMs === 0 ? setImmediate(resolve) : setTimeout(resolve, delayMs))),
})
const queue = { name: 'bench.queue', limits: { maxBytes: 1e9, maxAgeSeconds: 60 }, octetsOf: () => 512, ...codec }
const subject = { name: 'bench.subject', ...codec }
const message = {}

async function measure(send: () => void): Promise<number> {
  const start = performance.now()
  for (let sent = 0; sent < MESSAGES; sent += PER_TURN) {
    for (let count = 0; count < PER_TURN; count++) send()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return ((performance.now() - start) * 1e6) / MESSAGES
}

let handled = 0
bus.consume(queue, async (messages) => void (handled += messages.length))
bus.subscribe(subject, () => handled++)
const results = {
  enqueueConsumeNs: await measure(() => void bus.enqueue(queue, message)),
  publishSubscribeNs: await measure(() => bus.publish(subject, message)),
}
if (handled !== 2 * MESSAGES) throw new Error(`handled ${handled} of ${2 * MESSAGES}`)
if (process.argv.includes('--json')) console.log(JSON.stringify(results))
else console.table(results)
