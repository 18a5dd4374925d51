/** A resolver for tests: looks the same names up again and again, and reports each answer on one dnstap connection. */
import { connect, type Socket } from 'node:net'
import { dnsResponse, dnstapFrame } from './frames.ts'

export interface LookupsOptions {
  /** The dnstap socket. */
  readonly path: string
  /** Name and the address that it resolves to. */
  readonly names: Readonly<Record<string, string>>
  readonly everyMs: number
  readonly ttlSeconds?: number
  /** The resolver's clock. Default: the machine's. */
  readonly now?: () => number
}

export interface Lookups {
  stop(): void
}

/** Like Unbound: data that cannot be sent waits in the socket, and a lost connection is made again. */
export function startLookups({ path, names, everyMs, ttlSeconds = 300, now = Date.now }: LookupsOptions): Lookups {
  let socket: Socket | undefined
  let again: NodeJS.Timeout | undefined
  const dial = () => {
    socket = connect(path)
    socket.resume()
    socket.write(START)
    socket.on('error', () => {})
    socket.on('close', () => (again = setTimeout(dial, RECONNECT_MS)))
  }
  const lookUp = () => {
    const frames = Object.entries(names).map(([name, address]) => {
      const response = dnsResponse({ qname: name, answers: [{ owner: name, type: 'A', ttlSeconds, value: address }] })
      const frame = dnstapFrame({ response, responseTimeMs: now() })
      return Buffer.concat([u32(frame.length), frame])
    })
    socket?.write(Buffer.concat(frames))
  }
  dial()
  lookUp()
  const timer = setInterval(lookUp, everyMs)
  return {
    stop() {
      clearInterval(timer)
      clearTimeout(again)
      socket?.removeAllListeners('close')
      socket?.destroy()
    },
  }
}

const RECONNECT_MS = 300

function u32(value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}

const CONTENT_TYPE = Buffer.from('protobuf:dnstap.Dnstap')
const FIELDS = Buffer.concat([u32(2), u32(1), u32(CONTENT_TYPE.length), CONTENT_TYPE])
/** Unidirectional Frame Streams: START with its content type. */
const START = Buffer.concat([u32(0), u32(FIELDS.length), FIELDS])
