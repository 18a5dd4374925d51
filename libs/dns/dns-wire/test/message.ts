/** Writes DNS messages for tests, good ones and odd ones. */
import { textToName } from '../src/index.ts'

export type Part = Uint8Array | readonly number[]

export const concat = (...parts: Part[]) => Uint8Array.from(parts.flatMap((part) => [...part]))
export const u16 = (value: number) => [value >> 8, value & 255]
export const name = (text: string) => textToName(text)!
/** A compression pointer. */
export const pointer = (offset: number) => u16(0xc000 | offset)

export const TYPE = { A: 1, NS: 2, CNAME: 5, TXT: 16, AAAA: 28, DNAME: 39, OPT: 41, RRSIG: 46, SVCB: 64, HTTPS: 65 }

export function record(owner: Part, type: number, rdata: Part, ttl = 60, rclass = 1): Uint8Array {
  const ttlBytes = [ttl >>> 24, (ttl >>> 16) & 255, (ttl >>> 8) & 255, ttl & 255]
  return concat(owner, u16(type), u16(rclass), ttlBytes, u16(rdata.length), rdata)
}

export interface MessageOptions {
  flags?: number
  qtype?: number
  qclass?: number
  questions?: number
  answers?: number
  tail?: Part
}

/** A response: QR, RD and RA set, one question. */
export function response(qname: Part, answers: Part[], options: MessageOptions = {}): Uint8Array {
  const { flags = 0x8180, qtype = TYPE.A, qclass = 1, questions = 1, tail = [] } = options
  return concat(
    [0x12, 0x34],
    u16(flags),
    u16(questions),
    u16(options.answers ?? answers.length),
    [0, 0, 0, 0],
    qname,
    u16(qtype),
    u16(qclass),
    ...answers,
    tail,
  )
}
