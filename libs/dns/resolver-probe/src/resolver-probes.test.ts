import { DnstapDecoder } from '@dnstap-bgp/dnstap'
import { dnsResponse, dnstapFrame, FakeClock, type FrameOptions } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import type { OpenQuestionSocket } from './question-socket.ts'
import { AskedFor, ResolverProbes, type ProbedResolverConfig, type ProbedSender } from './resolver-probes.ts'

const UNBOUND: ProbedResolverConfig = {
  name: '127.0.0.1:53',
  address: '127.0.0.1',
  port: 53,
  kind: 'unbound',
  metronome: { kind: 'unbound', flushTargetMs: 25 },
  warm: undefined,
}
const BIND: ProbedResolverConfig = {
  ...UNBOUND,
  name: '192.0.2.1:53',
  address: '192.0.2.1',
  kind: 'bind',
  metronome: { kind: 'bind', flushTargetMs: 25 },
}
const warmed = (config: ProbedResolverConfig): ProbedResolverConfig => ({
  ...config,
  metronome: undefined,
  warm: { names: 'learnt', queriesPerSecond: 10, keepMs: 3_600_000, ipv6: false },
})

/** Our sockets ask from 127.0.0.1 and the address's own, port 40000: the port of the testkit's frames. */
function startProbes() {
  const clock = new FakeClock()
  const opened: string[] = []
  const closed: string[] = []
  const open: OpenQuestionSocket = ({ address, onOpen }) => {
    opened.push(address)
    const forget = onOpen(address, 40_000)
    return {
      send: () => undefined,
      close: () => {
        closed.push(address)
        forget()
      },
    }
  }
  const probes = new ResolverProbes({ clock, open })
  const decoder = new DnstapDecoder()
  const response = dnsResponse({ qname: 'example.org' })
  const askerOf = (sender: ProbedSender, options: Partial<FrameOptions> = {}) => {
    const bytes = dnstapFrame({ response, ...options })
    decoder.decode(bytes, 0, bytes.length)
    return probes.askerOf(sender, decoder, bytes)
  }
  const isOwn = (...frame: Parameters<typeof askerOf>) => askerOf(...frame) === AskedFor.metronome
  return { askerOf, clock, opened, closed, probes, isOwn }
}

describe('a frame is our own', () => {
  test('when address and port are those that we ask from, for the question and the answer', () => {
    const { probes, isOwn } = startProbes()
    expect(isOwn({})).toBe(false)
    probes.use([UNBOUND])
    const sender: ProbedSender = {}
    expect(isOwn(sender)).toBe(true)
    expect(isOwn(sender, { messageType: 5 })).toBe(true)
    expect(sender.ownFrames).toBe(2)
  })

  test('and not with another address, another family, or of another type', () => {
    const { probes, isOwn } = startProbes()
    probes.use([UNBOUND])
    expect(isOwn({}, { queryAddress: '127.0.0.2' })).toBe(false)
    expect(isOwn({}, { queryAddress: '::ffff:127.0.0.1' })).toBe(false)
    expect(isOwn({}, { messageType: 4 })).toBe(false)
  })

  test('and not after the resolver was taken out of the configuration', () => {
    const { probes, isOwn } = startProbes()
    probes.use([UNBOUND])
    probes.use([])
    expect(isOwn({})).toBe(false)
  })
})

test('a reload closes what is gone or changed and leaves the rest', () => {
  const { probes, opened, closed } = startProbes()
  probes.use([UNBOUND, BIND])
  const kept = probes.resolvers.get(BIND.name)
  probes.use([{ ...UNBOUND, metronome: { kind: 'unbound', flushTargetMs: 50 } }, BIND])
  expect(opened).toEqual(['127.0.0.1', '192.0.2.1', '127.0.0.1'])
  expect(closed).toEqual(['127.0.0.1'])
  expect(probes.resolvers.get(BIND.name)).toBe(kept)
  probes.close()
  expect(closed).toEqual(['127.0.0.1', '192.0.2.1', '127.0.0.1'])
})

test('reads count for the resolver whose frames about our questions came by that connection', () => {
  const { clock, probes, isOwn } = startProbes()
  probes.use([UNBOUND, BIND])
  const sender = { frames: 1 }
  const beats = (name: string) => probes.resolvers.get(name)?.metronome?.delayMs(0.99)
  const readAll = () => {
    for (let i = 0; i < 5; i++) {
      clock.advance(20)
      probes.onRead(sender)
    }
  }
  readAll()
  expect(beats(UNBOUND.name)).toBeUndefined()
  isOwn(sender)
  readAll()
  expect(beats(UNBOUND.name)).toBe(20)
  expect(beats(BIND.name)).toBeUndefined()
  // One that was taken out is told nothing more.
  probes.use([BIND])
  readAll()
  expect(clock.timers).toBe(2)
})

describe('a name that a client uses stays warm at the resolver that it was asked at', () => {
  const namesAt = (probes: ResolverProbes, { name }: ProbedResolverConfig) => probes.resolvers.get(name)?.warm?.set.size

  test('once own frames have told by which connection that one reports', () => {
    const { probes, askerOf } = startProbes()
    probes.use([warmed(UNBOUND), warmed(BIND)])
    const sender: ProbedSender = {}
    expect(askerOf(sender)).toBe(AskedFor.warm)
    probes.onUse(sender, 'a.test')
    expect([namesAt(probes, UNBOUND), namesAt(probes, BIND)]).toEqual([1, 0])
    // By another connection: it cannot be the one that is known.
    probes.onUse({}, 'b.test')
    expect([namesAt(probes, UNBOUND), namesAt(probes, BIND)]).toEqual([1, 1])
  })

  test('at first, at each that it may be', () => {
    const { probes } = startProbes()
    probes.use([warmed(UNBOUND), warmed(BIND)])
    probes.onUse({}, 'a.test')
    expect([namesAt(probes, UNBOUND), namesAt(probes, BIND)]).toEqual([1, 1])
  })

  test('and not where the lists say which names', () => {
    const { probes } = startProbes()
    const config = warmed(UNBOUND)
    probes.use([{ ...config, warm: config.warm && { ...config.warm, names: 'exact' } }])
    probes.onUse({}, 'a.test')
    expect(namesAt(probes, UNBOUND)).toBe(0)
  })
})
