/** DNS responses and dnstap frames made to order, shaped as Unbound shapes them: owners compressed to QNAME or to the CNAME's target. */
import { parseAddress } from '@dnstap-bgp/ip'

export interface Answer {
  /** Presentation format; compressed when the name stood before. */
  readonly owner: string
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'DNAME'
  readonly ttlSeconds?: number
  /** An address, or a name. */
  readonly value: string
}

export interface ResponseOptions {
  readonly qname: string
  readonly qtype?: number
  readonly rcode?: number
  readonly qr?: boolean
  readonly answers?: readonly Answer[]
}

export interface FrameOptions {
  readonly response: Uint8Array
  /** dnstap.proto Message.Type; default 6, CLIENT_RESPONSE. */
  readonly messageType?: number
  readonly identity?: string
  readonly version?: string
  readonly queryAddress?: string
  readonly responseAddress?: string
  readonly responseTimeMs?: number
}

const TYPES = { A: 1, CNAME: 5, AAAA: 28, DNAME: 39 } as const

export function dnsResponse(options: ResponseOptions): Uint8Array {
  const out: number[] = []
  const names = new Map<string, number>()
  const u16 = (value: number) => out.push((value >> 8) & 255, value & 255)
  const u32 = (value: number) => out.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
  const name = (text: string) => {
    const labels = text === '' || text === '.' ? [] : text.split('.')
    for (let i = 0; i < labels.length; i++) {
      const rest = labels.slice(i).join('.').toLowerCase()
      const seen = names.get(rest)
      if (seen !== undefined) return void u16(0xc000 | seen)
      if (out.length < 0x3fff) names.set(rest, out.length)
      const octets = Buffer.from(labels[i], 'latin1')
      out.push(octets.length, ...octets)
    }
    out.push(0)
  }
  const answers = options.answers ?? []
  u16(0x1234)
  u16((options.qr === false ? 0 : 0x8000) | 0x0180 | (options.rcode ?? 0))
  u16(1)
  u16(answers.length)
  u16(0)
  u16(0)
  name(options.qname)
  u16(options.qtype ?? 1)
  u16(1)
  for (const answer of answers) {
    name(answer.owner)
    u16(TYPES[answer.type])
    u16(1)
    u32(answer.ttlSeconds ?? 300)
    const lengthAt = out.length
    u16(0)
    if (answer.type === 'A' || answer.type === 'AAAA') out.push(...(parseAddress(answer.value) ?? []))
    else name(answer.value)
    const length = out.length - lengthAt - 2
    out[lengthAt] = length >> 8
    out[lengthAt + 1] = length & 255
  }
  return Uint8Array.from(out)
}

/** One dnstap message, without the length of its Frame Streams frame. */
export function dnstapFrame(options: FrameOptions): Uint8Array {
  const timeMs = options.responseTimeMs ?? Date.now()
  const message = Buffer.concat([
    varintField(1, options.messageType ?? 6),
    varintField(2, 1),
    varintField(3, 1),
    bytesField(4, parseAddress(options.queryAddress ?? '127.0.0.1') ?? new Uint8Array(4)),
    bytesField(5, parseAddress(options.responseAddress ?? '127.0.0.53') ?? new Uint8Array(4)),
    varintField(6, 40000),
    varintField(7, 53),
    varintField(12, Math.floor(timeMs / 1000)),
    fixed32Field(13, Math.floor((timeMs % 1000) * 1e6)),
    bytesField(14, options.response),
  ])
  return Buffer.concat([
    bytesField(1, Buffer.from(options.identity ?? 'test-resolver')),
    bytesField(2, Buffer.from(options.version ?? 'unbound 1.17.1')),
    bytesField(14, message),
    varintField(15, 1),
  ])
}

function varint(value: number): Buffer {
  const octets: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...octets, rest])
    octets.push((rest % 128) | 128)
  }
}

function varintField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)])
}

function bytesField(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(value.length), value])
}

function fixed32Field(field: number, value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32LE(value >>> 0)
  return Buffer.concat([varint(field * 8 + 5), octets])
}
