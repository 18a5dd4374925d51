import { DnstapDecoder } from '@dnstap-bgp/dnstap'
import { dnstapFrame } from '@dnstap-bgp/testkit'
import { expect, test } from 'vitest'
import { ResolverAddresses } from './resolver-addresses.ts'

const CLIENT_RESPONSE = 6
const RESOLVER_RESPONSE = 4
const FORWARDER_RESPONSE = 8
const HOUR = 3600

function setUp() {
  const addresses = new ResolverAddresses()
  const decoder = new DnstapDecoder()
  /** A look at one message; times in seconds. */
  const look = (
    at: number,
    responseAddress: string,
    sender = 'unix',
    messageType = CLIENT_RESPONSE,
    queryAddress = '198.51.100.1',
  ) => {
    const bytes = dnstapFrame({ response: new Uint8Array(12), responseAddress, queryAddress, messageType })
    expect(decoder.decode(bytes, 0, bytes.length)).toBeGreaterThanOrEqual(0)
    return addresses.learn(sender, decoder, bytes, at)
  }
  /** Looks in as many windows as an address needs. */
  const prove = (from: number, responseAddress: string, sender?: string) => {
    for (let window = 0; window < 10; window++) look(from + 10 * window, responseAddress, sender)
  }
  return { addresses, look, prove }
}

test('one frame makes no resolver of its address, and neither do a thousand in one moment', () => {
  const { addresses, look } = setUp()
  for (let i = 0; i < 1000; i++) expect(look(0, '93.184.215.53')).toBe(false)
  expect(addresses.all).toEqual([])
})

test('an address that was seen in ten windows of ten seconds counts as a resolver, which is reported once', () => {
  const { addresses, look } = setUp()
  const news = Array.from({ length: 12 }, (_, window) => look(10 * window, '93.184.215.53'))
  expect(news.map(Number).join('')).toBe('000000000100')
  expect(addresses.has('93.184.215.53')).toBe(true)
})

test('a resolver with few clients counts as well: windows need not follow each other, but an hour apart they are no evidence', () => {
  const quiet = setUp()
  for (let i = 0; i < 10; i++) quiet.look(i * 600, '93.184.215.53')
  expect(quiet.addresses.all).toEqual(['93.184.215.53'])
  const odd = setUp()
  for (let i = 0; i < 30; i++) odd.look(i * HOUR, '93.184.215.53')
  expect(odd.addresses.all).toEqual([])
})

test('two senders do not add up to one', () => {
  const { addresses, look } = setUp()
  for (let window = 0; window < 18; window++) look(10 * window, '93.184.215.53', window % 2 === 0 ? 'a' : 'b')
  expect(addresses.all).toEqual([])
})

test('which end is the resolver depends on the type of the message', () => {
  const { addresses, look } = setUp()
  for (let window = 0; window < 10; window++) {
    look(10 * window, '93.184.215.1', 'a', RESOLVER_RESPONSE, '93.184.215.2')
    look(10 * window, '93.184.215.3', 'b', FORWARDER_RESPONSE, '93.184.215.4')
  }
  expect([...addresses.all].sort()).toEqual(['93.184.215.2', '93.184.215.3', '93.184.215.4'])
})

test('one sender makes 64 addresses count and not more; others are not harmed', () => {
  const { addresses, look, prove } = setUp()
  for (let window = 0; window < 10; window++) for (let i = 0; i < 64; i++) look(10 * window, `93.184.215.${i}`, 'rogue')
  for (let i = 64; i < 100; i++) prove(200 + i * 100, `93.184.215.${i}`, 'rogue')
  expect(addresses.size).toBe(64)
  expect(addresses.evicted).toBeGreaterThan(0)
  prove(20_000, '93.184.216.53', 'honest')
  expect(addresses.size).toBe(65)
})

test('a flood of addresses from many senders is bounded', () => {
  const { addresses, look } = setUp()
  for (let window = 0; window < 10; window++)
    for (let i = 0; i < 2000; i++) look(10 * window, `93.${i >> 8}.0.${i & 255}`, `sender ${i % 100}`)
  expect(addresses.size).toBe(1000)
})

test('a day after it was last seen an address is forgotten, and has to be proved again', () => {
  const { addresses, look, prove } = setUp()
  prove(0, '93.184.215.53')
  addresses.forgetOld(23 * HOUR)
  expect(addresses.size).toBe(1)
  addresses.forgetOld(25 * HOUR)
  expect(addresses.size).toBe(0)
  expect(look(25 * HOUR, '93.184.215.53')).toBe(false)
})

test('when the operator names them, those count at once and nothing is learnt', () => {
  const { addresses, prove } = setUp()
  prove(0, '93.184.215.53')
  addresses.name(['93.184.215.1'])
  prove(200, '93.184.215.53')
  expect(addresses.all).toEqual(['93.184.215.1'])
  expect([addresses.has('93.184.215.1'), addresses.has('93.184.215.53')]).toEqual([true, false])
  addresses.name([])
  expect(addresses.all).toEqual([])
  addresses.name(undefined)
  prove(400, '93.184.215.53')
  expect(addresses.all).toEqual(['93.184.215.53'])
})
