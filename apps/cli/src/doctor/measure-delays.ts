/**
 * Asks a resolver as a client would, and waits until the program has a frame more from it.
 *
 * The name is asked for the first time, and resolvers answer it themselves (RFC 6303). Frames of other clients look like ours: on a busy
 * resolver, which sends at once anyway, the delays are those of its batches.
 */
import { encodeQuery, QueryType, textToName } from '@dnstap-bgp/dns-wire'
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'

export interface MeasureOptions {
  readonly address: string
  readonly port: number
  readonly lookups: number
  /** Frames that all connections have brought so far. */
  readonly frames: () => Promise<number>
}

const ANSWER_MS = 2000
const FRAME_MS = 4000
const POLL_MS = 10
/** Apart from each other by no fixed time, so that a batch is met anywhere. */
const LEAST_PAUSE_MS = 150
const MORE_PAUSE_MS = 700

/** From answer to frame, in ms, for each lookup; undefined: no frame came. The whole is undefined when the resolver does not answer. */
export async function measureDelays({
  address,
  port,
  lookups,
  frames,
}: MeasureOptions): Promise<(number | undefined)[] | undefined> {
  const delays: (number | undefined)[] = []
  for (let i = 0; i < lookups; i++) {
    await pause(LEAST_PAUSE_MS + randomInt(MORE_PAUSE_MS))
    const before = await frames()
    if (!(await askOnce(address, port))) return undefined
    const answeredMs = performance.now()
    let delay: number | undefined
    while (delay === undefined && performance.now() - answeredMs < FRAME_MS) {
      if ((await frames()) > before) delay = performance.now() - answeredMs
      else await pause(POLL_MS)
    }
    delays.push(delay)
  }
  return delays
}

/** True: it answered. */
function askOnce(address: string, port: number): Promise<boolean> {
  const qname = textToName(`doctor-${randomInt(2 ** 40)}.2.0.192.in-addr.arpa`) ?? new Uint8Array(1)
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    const end = (answered: boolean) => {
      clearTimeout(patience)
      socket.removeAllListeners().on('error', () => undefined)
      socket.close()
      resolve(answered)
    }
    const patience = setTimeout(() => end(false), ANSWER_MS)
    socket.on('error', () => end(false))
    socket.on('message', () => end(true))
    socket.send(encodeQuery(randomInt(0x10000), qname, QueryType.PTR), port, address)
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}
