/**
 * The obvious twin of ResponseReader: all records parsed into objects first, names as strings of hex labels, then the walk. It shares
 * the rules and none of the means. Throws the reason where the reader returns a fault.
 */
export interface SlowResponse {
  qtype: number
  truncated: boolean
  looped: boolean
  /** Names as hex of their lower case wire format, QNAME first. */
  chain: string[]
  chainTtls: number[]
  /** Sorted "owner index, hex address, smallest TTL". */
  addresses: string[]
  offChain: number
  otherClass: number
  malformed: number
  excess: number
}

type Labels = string[]
interface Named {
  owner: Labels
  type: number
  ttl: number
}
interface Link extends Named {
  target: () => Labels
}
interface AddressRecord extends Named {
  addresses: () => string[]
}

const MAX_CHAIN = 33
const MAX_LINKS = 72
const MAX_ADDRESSES = 4096

export function slowRead(message: Uint8Array): SlowResponse {
  const bytes = Buffer.from(message)
  if (bytes.length < 12) throw new Error('short-header')
  if (bytes.length > 65_535) throw new Error('message-too-long')
  const flags = bytes.readUInt16BE(2)
  if (!(flags & 0x8000)) throw new Error('not-a-response')
  if (((flags >> 11) & 15) !== 0) throw new Error('other-opcode')
  if ((flags & 15) !== 0) throw new Error('error-rcode')
  const truncated = Boolean(flags & 0x0200)
  const questions = bytes.readUInt16BE(4)
  if (questions === 0) throw new Error('no-question')

  let at = 12
  const need = (count: number) => {
    if (at + count > bytes.length) throw new Error('record-past-end')
  }
  const qname = readName(bytes, at)
  at = qname.after
  need(4)
  const qtype = bytes.readUInt16BE(at)
  if (bytes.readUInt16BE(at + 2) !== 1) throw new Error('other-class')
  at += 4
  for (let i = 1; i < questions; i++) {
    at = skipName(bytes, at)
    need(4)
    at += 4
  }

  const result: SlowResponse = {
    qtype,
    truncated,
    looped: false,
    chain: [],
    chainTtls: [],
    addresses: [],
    offChain: 0,
    otherClass: 0,
    malformed: 0,
    excess: 0,
  }
  const links: (Omit<Link, 'owner'> & { ownerAt: number })[] = []
  const records: (Omit<AddressRecord, 'owner'> & { ownerAt: number })[] = []
  let ofQname = 0
  for (let i = 0; i < bytes.readUInt16BE(6); i++) {
    let record
    try {
      record = readRecord(bytes, at)
    } catch (error) {
      if (truncated && (error as Error).message === 'record-past-end') break
      throw error
    }
    at = record.end
    const { type, ownerAt, rdata, end } = record
    const length = end - rdata
    if (![1, 5, 28, 39, 64, 65].includes(type)) continue
    if (record.class !== 1) result.otherClass++
    else if ((type === 1 && length !== 4) || (type === 28 && length !== 16)) result.malformed++
    else {
      const ttl = record.ttl >= 2 ** 31 ? 0 : record.ttl
      if (type === 5 || type === 39) {
        const target = () => {
          const name = readName(bytes, rdata)
          if (name.after !== end) throw new Error('bad-target')
          return name.labels
        }
        if (links.length === MAX_LINKS) result.excess++
        else links.push({ ownerAt, type, ttl, target })
      } else {
        const addresses = () => addressesOf(bytes, type, rdata, end, () => result.malformed++)
        if (ownerAt === 12) ofQname++
        else if (records.length - ofQname === MAX_ADDRESSES) {
          result.excess++
          continue
        }
        records.push({ ownerAt, type, ttl, addresses })
      }
    }
  }

  const named: Link[] = []
  if (qtype === 5) links.length = 0
  for (const { ownerAt, ...link } of links) named.push({ ...link, owner: readName(bytes, ownerAt).labels })
  const chain: Labels[] = [qname.labels]
  const ttls = [2 ** 31 - 1]
  for (;;) {
    const current = chain.at(-1)!
    const link = nextLink(named, current)
    if (link === undefined) break
    if (chain.length === MAX_CHAIN) {
      result.excess++
      break
    }
    let target = link.target()
    if (link.type === 39) target = [...current.slice(0, current.length - link.owner.length), ...target]
    if (lengthOf(target) > 255) break
    if (chain.some((name) => same(name, target))) {
      result.looped = true
      break
    }
    chain.push(target)
    ttls.push(Math.min(ttls.at(-1)!, link.ttl))
  }
  for (const link of named) {
    const onChain = chain.some((name) => same(name, link.owner) || (link.type === 39 && isBelow(name, link.owner)))
    if (!onChain) result.offChain++
  }
  for (const record of [...records.filter((r) => r.ownerAt === 12), ...records.filter((r) => r.ownerAt !== 12)]) {
    const owner = readName(bytes, record.ownerAt).labels
    const index = chain.findIndex((name) => same(name, owner))
    if (index < 0) {
      result.offChain++
      continue
    }
    for (const address of record.addresses()) {
      if (result.addresses.length === MAX_ADDRESSES) result.excess++
      else result.addresses.push(`${index} ${address} ${Math.min(record.ttl, ttls[index]!)}`)
    }
  }
  result.addresses.sort()
  result.chain = chain.map(wire)
  result.chainTtls = ttls
  return result
}

function nextLink(links: Link[], name: Labels): Link | undefined {
  const cnames = links.filter((link) => link.type === 5 && same(link.owner, name))
  return cnames[0] ?? links.find((link) => link.type === 39 && isBelow(name, link.owner))
}

function readRecord(bytes: Buffer, from: number) {
  if (from + 2 > bytes.length) throw new Error('record-past-end')
  const after = skipName(bytes, from)
  if (after + 10 > bytes.length) throw new Error('record-past-end')
  const end = after + 10 + bytes.readUInt16BE(after + 8)
  if (end > bytes.length) throw new Error('record-past-end')
  return {
    ownerAt: (bytes[from]! & 0xc0) === 0xc0 ? bytes.readUInt16BE(from) & 0x3fff : from,
    type: bytes.readUInt16BE(after),
    class: bytes.readUInt16BE(after + 2),
    ttl: bytes.readUInt32BE(after + 4),
    rdata: after + 10,
    end,
  }
}

function addressesOf(bytes: Buffer, type: number, rdata: number, end: number, malformed: () => void): string[] {
  if (type === 1 || type === 28) return [bytes.toString('hex', rdata, end)]
  try {
    const content = Buffer.from(bytes.subarray(rdata, end))
    let at = 2
    for (;;) {
      const length = content.readUInt8(at)
      if (length > 63) throw new Error('label')
      at += length + 1
      if (length === 0) break
    }
    if (at - 2 > 255) throw new Error('long')
    if (content.readUInt16BE(0) === 0) return []
    const found: string[] = []
    let last = -1
    while (at < content.length) {
      const key = content.readUInt16BE(at)
      const length = content.readUInt16BE(at + 2)
      const value = content.subarray(at + 4, at + 4 + length)
      if (key <= last || value.length !== length) throw new Error('param')
      last = key
      at += 4 + length
      const size = key === 4 ? 4 : key === 6 ? 16 : 0
      if (size === 0) continue
      if (length === 0 || length % size !== 0) throw new Error('hint')
      for (let i = 0; i < length; i += size) found.push(value.toString('hex', i, i + size))
    }
    return found
  } catch {
    malformed()
    return []
  }
}

function skipName(bytes: Buffer, from: number): number {
  let at = from
  for (;;) {
    const length = bytes[at]
    if (length === undefined) throw new Error('record-past-end')
    if (length === 0) return at + 1
    if (length >= 0xc0) {
      if (at + 2 > bytes.length) throw new Error('record-past-end')
      const target = bytes.readUInt16BE(at) & 0x3fff
      if (target < 12 || target >= from) throw new Error('bad-pointer')
      return at + 2
    }
    if (length > 63) throw new Error('bad-label')
    at += length + 1
  }
}

function readName(bytes: Buffer, from: number): { labels: Labels; after: number } {
  const labels: Labels = []
  let after: number | undefined
  let at = from
  let part = from
  let pointers = 0
  for (;;) {
    const length = bytes[at]
    if (length === undefined) throw new Error('record-past-end')
    if (length === 0) return { labels, after: after ?? at + 1 }
    if (length >= 0xc0) {
      if (at + 2 > bytes.length) throw new Error('record-past-end')
      after ??= at + 2
      const target = bytes.readUInt16BE(at) & 0x3fff
      if (target < 12 || target >= part || ++pointers > 127) throw new Error('bad-pointer')
      part = target
      at = target
    } else {
      if (length > 63) throw new Error('bad-label')
      if (at + 1 + length > bytes.length) throw new Error('record-past-end')
      labels.push(bytes.toString('latin1', at + 1, at + 1 + length).replace(/[A-Z]/g, (letter) => letter.toLowerCase()))
      if (lengthOf(labels) > 255) throw new Error('name-too-long')
      at += 1 + length
    }
  }
}

const lengthOf = (labels: Labels) => labels.reduce((sum, label) => sum + 1 + label.length, 1)
const wire = (labels: Labels) =>
  Buffer.concat([
    ...labels.map((label) => Buffer.from(String.fromCharCode(label.length) + label, 'latin1')),
    Buffer.alloc(1),
  ]).toString('hex')
const same = (a: Labels, b: Labels) => wire(a) === wire(b)
const isBelow = (name: Labels, owner: Labels) => name.length > owner.length && same(name.slice(name.length - owner.length), owner)
