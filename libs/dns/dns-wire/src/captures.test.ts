import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { DnstapDecoder } from '@dnstap-bgp/dnstap'
import { describe, expect, test } from 'vitest'
import { captureNames, readCapture, type MessageTruth } from '../../dnstap/test/captures.ts'
import { found, reader } from '../test/read.ts'
import { textToName } from './name.ts'
import { responseFaultName } from './response-reader.ts'

const decoder = new DnstapDecoder()
const TTL_LIMIT = 2 ** 31
const READ_TYPES = ['A', 'AAAA', 'CNAME', 'DNAME', 'SVCB', 'HTTPS']

const wire = (text: string) => {
  const bytes = Buffer.from(textToName(text)!)
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! >= 0x41 && bytes[i]! <= 0x5a) bytes[i]! += 0x20
  return bytes.toString('hex')
}
const ttl = (seconds: number) => (seconds >= TTL_LIMIT ? 0 : seconds)

/** 4 or 16 octets in hex of an address in text. */
function addressHex(ip: string): string {
  if (!ip.includes(':')) return Buffer.from(ip.split('.').map(Number)).toString('hex')
  const text = new URL(`http://[${ip}]`).hostname.slice(1, -1)
  const [head = '', tail = ''] = text.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const missing = text.includes('::') ? 8 - groups(head).length - groups(tail).length : 0
  return [...groups(head), ...new Array<string>(missing).fill('0'), ...groups(tail)].map((g) => g.padStart(4, '0')).join('')
}

/** What independent tools say of a response, in the form of SlowResponse. */
function expectedOf(truth: MessageTruth): object | string {
  if (truth.qr === 0) return 'not-a-response'
  if (truth.opcode !== 0) return 'other-opcode'
  if (truth.rcode !== 'NOERROR') return 'error-rcode'
  if (truth.questions.length === 0 && truth.malformed === undefined) return 'no-question'
  if (truth.malformed !== undefined) return 'malformed'
  const chain = [truth.questions[0]!.wire.toLowerCase()]
  const qname = truth.questions[0]!.name
  for (const link of truth.resolved!.chain) if (!chain.includes(wire(link.target))) chain.push(wire(link.target))
  chain[0] = wire(qname)
  const addresses: string[] = []
  let smallest = 2 ** 31 - 1
  const ttls = [smallest]
  for (const link of truth.resolved!.chain) ttls.push((smallest = Math.min(smallest, ttl(link.ttl))))
  for (const { ip, min_ttl } of truth.resolved!.addresses) addresses.push(`${chain.length - 1} ${addressHex(ip)} ${ttl(min_ttl)}`)
  let offChain = 0
  let otherClass = 0
  let malformed = 0
  for (const record of truth.answer ?? []) {
    if (!READ_TYPES.includes(record.type)) continue
    const index = chain.indexOf(wire(record.name))
    if (record.rclass !== undefined) otherClass++
    else if (record.rdata.startsWith('!')) malformed++
    else if (record.type === 'DNAME') offChain += chain.some((name) => name.endsWith(wire(record.name))) ? 0 : 1
    else if (index < 0) offChain++
    else if (record.type === 'SVCB' || record.type === 'HTTPS')
      for (const [, list] of record.rdata.matchAll(/ipv[46]hint="([^"]*)"/g))
        for (const ip of list!.split(',')) addresses.push(`${index} ${addressHex(ip)} ${Math.min(ttl(record.ttl), ttls[index]!)}`)
  }
  return {
    chain,
    addresses: addresses.sort(),
    truncated: truth.tc === 1,
    looped: truth.resolved!.loop === true,
    offChain,
    otherClass,
    malformed,
    excess: 0,
  }
}

describe('captures of real senders', () => {
  test.each(captureNames)('%s: chains, addresses and TTLs of every response are the true ones', (name) => {
    const capture = readCapture(name)
    let compared = 0
    capture.frames.forEach(({ start, end }, i) => {
      expect(decoder.decode(capture.bytes, start, end)).toBe(0)
      const truth = capture.truth[i]!
      const message = truth.response_message
      if (message === undefined) return
      compared++
      const expected = expectedOf(message)
      const code = reader.read(capture.bytes, decoder.responseMessageStart, decoder.responseMessageEnd)
      if (expected === 'malformed') expect(code, `frame ${i}`).toBeLessThanOrEqual(-6)
      else if (typeof expected === 'string') expect(responseFaultName(code), `frame ${i}`).toBe(expected)
      else {
        expect(code, `frame ${i}: ${code === 0 ? '' : responseFaultName(code)}`).toBe(0)
        const { qtype: _, chainTtls: __, ...result } = found(capture.bytes)
        if (JSON.stringify(result) !== JSON.stringify(expected)) expect(result, `frame ${i}`).toEqual(expected)
      }
    })
    expect(compared).toBeGreaterThan(0)
  })
})

describe('against the zone data itself', () => {
  interface Expected {
    qname: string
    qtype: string
    outcome: string
    chain?: { owner: string; target: string; ttl: number }[]
    addresses?: string[]
    min_ttl?: number
  }
  const expectedLines = gunzipSync(readFileSync(new URL('../fixtures/expected.jsonl.gz', import.meta.url)))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Expected)
  const data = new Map(
    expectedLines.filter(({ outcome }) => outcome === 'data').map((line) => [`${wire(line.qname)} ${line.qtype}`, line]),
  )

  test.each(['unbound', 'bind9', 'kresd', 'dnsdist'])('%s: clients were told what the zones say', (name) => {
    const capture = readCapture(name)
    let compared = 0
    capture.frames.forEach(({ start, end }, i) => {
      const truth = capture.truth[i]!
      if (truth.type !== 'CLIENT_RESPONSE') return
      const question = truth.response_message?.questions[0]
      const expected = question && data.get(`${wire(question.name)} ${question.type}`)
      if (expected === undefined) return
      decoder.decode(capture.bytes, start, end)
      const code = reader.read(capture.bytes, decoder.responseMessageStart, decoder.responseMessageEnd)
      if (code !== 0 || reader.truncated) return // SERVFAIL of a chain too long for it, and UDP answers too big
      compared++
      const result = found(capture.bytes)
      expect(result.chain).toEqual([wire(expected.qname), ...expected.chain!.map(({ target }) => wire(target))])
      const addresses = result.addresses.map((line) => line.split(' '))
      expect(addresses.map(([, hex]) => hex).sort()).toEqual(expected.addresses!.map(addressHex).sort())
      for (const [, , smallest] of addresses)
        expect(Number(smallest)).toBeLessThanOrEqual(name === 'kresd' ? Math.max(5, expected.min_ttl!) : expected.min_ttl!) // kresd knows no TTL below 5
    })
    expect(compared).toBeGreaterThan(150)
  })
})
