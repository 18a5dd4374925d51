import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, name, pointer, record, response, TYPE, u16, type Part } from '../test/message.ts'
import { read, reader } from '../test/read.ts'
import { slowRead, type SlowResponse } from '../test/slow-response.ts'
import { MAX_ADDRESSES, MAX_CHAIN_LENGTH, MAX_LINKS, ResponseFault, responseFaultName } from './response-reader.ts'

const QNAME = pointer(12)
const wire = (text: string) => Buffer.from(name(text)).toString('hex')
const a = (owner: Part, last = 1, ttl = 60) => record(owner, TYPE.A, [192, 0, 2, last], ttl)
const cname = (owner: Part, target: Part, ttl = 60) => record(owner, TYPE.CNAME, target, ttl)

/** Reads with both, which must agree, and returns what the reader found. */
function both(message: Uint8Array): SlowResponse | string {
  const result = read(message)
  let expected: SlowResponse | string
  try {
    expected = slowRead(message)
  } catch (error) {
    expected = (error as Error).message
  }
  // Of several faults each may meet another one first.
  if (typeof expected === 'string' && typeof result === 'string') return result
  expect(result).toEqual(expected)
  return result
}

describe('the header', () => {
  const answer = a(QNAME)
  const www = name('www.example.org')
  test.each([
    ['a query', { flags: 0x0100 }, 'not-a-response'],
    ['a NOTIFY', { flags: 0xa000 }, 'other-opcode'],
    ['an opcode of 8', { flags: 0xc000 }, 'other-opcode'],
    ['NXDOMAIN', { flags: 0x8183 }, 'error-rcode'],
    ['SERVFAIL', { flags: 0x8182 }, 'error-rcode'],
    ['no question', { questions: 0 }, 'no-question'],
    ['class CH', { qclass: 3 }, 'other-class'],
    ['class ANY', { qclass: 255 }, 'other-class'],
  ])('%s is told and left out', (_name, options, reason) => {
    expect(both(response(www, [answer], options))).toBe(reason)
  })

  test('the RCODE is known even where the rest is not read', () => {
    read(response(www, [], { flags: 0x8183 }))
    expect(reader.rcode).toBe(3)
  })

  test('fewer than 12 octets are no header', () => {
    expect(both(response(www, []).subarray(0, 11))).toBe('short-header')
  })

  test('what is longer than any DNS message is refused: offsets in it would not be told apart', () => {
    const filler = record(QNAME, 16, new Uint8Array(65_000))
    const before = response(www, [filler], {}).length
    const padding = record(QNAME, 16, new Uint8Array(65_536 + 12 - before - 12))
    const other = concat(a(name('www.example.net'))) // its owner stands 65,536 octets behind QNAME
    const message = response(www, [filler, padding, other])
    expect(Buffer.from(message).indexOf(Buffer.from(name('www.example.net')))).toBe(65_536 + 12)
    expect(both(message)).toBe('message-too-long')
    expect(both(response(www, [a(QNAME), filler]))).toMatchObject({ addresses: ['0 c0000201 60'] })
  })

  test('of two questions the first counts, and the second is skipped', () => {
    const second = concat(pointer(12 + 4), u16(1), u16(1))
    expect(both(response(www, [second, answer], { questions: 2, answers: 1 }))).toMatchObject({
      chain: [wire('www.example.org')],
      addresses: ['0 c0000201 60'],
    })
  })

  test('each fault has its name', () => {
    expect(Object.values(ResponseFault).map(responseFaultName)).toEqual(Object.keys(ResponseFault))
  })
})

describe('the chain', () => {
  test('no answers: QNAME alone, with no address', () => {
    expect(both(response(name('www.example.org'), []))).toMatchObject({ chain: [wire('www.example.org')], addresses: [] })
  })

  test('the root is a name', () => {
    expect(both(response(name('.'), [a(name('.'))]))).toMatchObject({ chain: ['00'], addresses: ['0 c0000201 60'] })
  })

  test('QNAME keeps the case the client sent; owners compare without it (0x20)', () => {
    const message = response(name('wWw.ExAmPlE.oRg'), [a(name('WwW.example.ORG'))])
    expect(both(message)).toMatchObject({ addresses: ['0 c0000201 60'] })
    read(message)
    const bytes = reader.chainBytes(0)
    const at = reader.chainOffset(0)
    expect(Buffer.from(bytes.subarray(at + 1, at + 4)).toString()).toBe('wWw')
  })

  test('CNAMEs lead from name to name, and the smallest TTL on the way counts', () => {
    const message = response(name('www.example.org'), [
      cname(QNAME, name('a.example.net'), 300),
      cname(name('a.example.net'), name('b.example.net'), 30),
      a(name('b.example.net'), 1, 200),
      record(name('b.example.net'), TYPE.AAAA, new Uint8Array(16).fill(0x20), 10),
    ])
    expect(both(message)).toMatchObject({
      chain: [wire('www.example.org'), wire('a.example.net'), wire('b.example.net')],
      addresses: ['2 20202020202020202020202020202020 10', '2 c0000201 30'],
      offChain: 0,
    })
  })

  test('records may stand in any order', () => {
    const message = response(name('www.example.org'), [
      a(name('b.example.net')),
      cname(name('a.example.net'), name('b.example.net')),
      cname(QNAME, name('a.example.net')),
    ])
    expect(both(message)).toMatchObject({ addresses: ['2 c0000201 60'], offChain: 0 })
  })

  test('an owner that points to the target of the CNAME before it is that name', () => {
    const qname = name('www.example.org')
    const first = cname(QNAME, concat([4], Buffer.from('edge'), pointer(12 + 4)))
    const targetAt = 12 + qname.length + 4 + first.length - 7
    const message = response(qname, [first, a(pointer(targetAt)), a(pointer(targetAt), 2)])
    expect(both(message)).toMatchObject({
      chain: [wire('www.example.org'), wire('edge.example.org')],
      addresses: ['1 c0000201 60', '1 c0000202 60'],
    })
  })

  test('records of names not on the chain are left out and counted, whatever they claim', () => {
    const message = response(name('www.example.org'), [
      a(QNAME),
      a(name('victim.example'), 66),
      cname(name('other.example'), name('www.example.org')),
      cname(name('another.example'), name('victim.example')),
    ])
    expect(both(message)).toMatchObject({ chain: [wire('www.example.org')], addresses: ['0 c0000201 60'], offChain: 3 })
  })

  test.each([
    ['to itself', [cname(QNAME, QNAME)], 1],
    ['to itself in other letters', [cname(QNAME, name('WWW.example.org'))], 1],
    ['back to QNAME', [cname(QNAME, name('a.b')), cname(name('a.b'), QNAME)], 2],
    ['back into the middle', [cname(QNAME, name('a.b')), cname(name('a.b'), name('c.d')), cname(name('c.d'), name('a.b'))], 3],
  ])('a CNAME that leads %s ends the walk', (_name, answers, length) => {
    const result = both(response(name('www.example.org'), answers))
    expect(result).toMatchObject({ looped: true })
    expect((result as SlowResponse).chain).toHaveLength(length)
  })

  test('of two CNAMEs with one owner the first counts', () => {
    const message = response(name('www.example.org'), [
      cname(QNAME, name('first.example')),
      cname(QNAME, name('second.example')),
      a(name('second.example')),
    ])
    expect(both(message)).toMatchObject({ chain: [wire('www.example.org'), wire('first.example')], addresses: [], offChain: 1 })
  })

  test('who asks for a CNAME is answered by it, and no chain starts (RFC 1034 §3.6.2)', () => {
    const message = response(name('www.example.org'), [cname(QNAME, name('a.b')), a(name('a.b'))], { qtype: TYPE.CNAME })
    expect(both(message)).toMatchObject({ chain: [wire('www.example.org')], addresses: [], offChain: 1 })
  })

  test(`a chain ends after ${MAX_CHAIN_LENGTH} names`, () => {
    const links = Array.from({ length: 40 }, (_, i) => cname(i === 0 ? QNAME : name(`n${i}.x`), name(`n${i + 1}.x`)))
    expect((both(response(name('q.x'), links)) as SlowResponse).chain).toHaveLength(MAX_CHAIN_LENGTH)
    expect((both(response(name('q.x'), links.reverse())) as SlowResponse).chain).toHaveLength(MAX_CHAIN_LENGTH)
  })

  test(`of CNAMEs and DNAMEs ${MAX_LINKS} are looked at`, () => {
    const links = Array.from({ length: MAX_LINKS + 5 }, (_, i) => cname(name(`o${i}.x`), name('t.x')))
    expect(both(response(name('q.x'), links))).toMatchObject({ excess: 5, offChain: MAX_LINKS })
  })

  test(`${MAX_ADDRESSES} addresses are taken, of QNAME or of another name`, () => {
    const hints = (count: number) => concat(u16(1), name('.'), u16(4), u16(4 * count), new Uint8Array(4 * count))
    const many = (owner: Part) => [record(owner, TYPE.HTTPS, hints(4000)), record(owner, TYPE.HTTPS, hints(99))]
    expect(both(response(name('q'), many(QNAME)))).toMatchObject({ excess: 3 })
    expect(reader.addressCount).toBe(MAX_ADDRESSES)
    expect(both(response(name('q'), [cname(QNAME, name('t')), ...many(pointer(31))]))).toMatchObject({ excess: 3 })
    expect(reader.addressCount).toBe(MAX_ADDRESSES)
    const records = Array.from({ length: MAX_ADDRESSES + 3 }, () => record(pointer(31), TYPE.SVCB, hints(0).subarray(0, 3)))
    expect(both(response(name('q'), [cname(QNAME, name('t')), ...records]))).toMatchObject({ excess: 3, addresses: [] })
  })
})

describe('DNAME (RFC 6672)', () => {
  const dname = (owner: Part, target: Part, ttl = 60) => record(owner, TYPE.DNAME, target, ttl)

  test('with the synthesized CNAME beside it, the CNAME leads on', () => {
    const message = response(name('www.tree.example'), [
      dname(name('tree.example'), name('example.net'), 40),
      cname(QNAME, name('www.example.net'), 50),
      a(name('www.example.net')),
    ])
    expect(both(message)).toMatchObject({
      chain: [wire('www.tree.example'), wire('www.example.net')],
      addresses: ['1 c0000201 50'],
      offChain: 0,
    })
  })

  test('without one, the labels below the owner move to the target', () => {
    const message = response(name('A.b.tree.example'), [
      dname(name('TREE.example'), name('Example.net'), 40),
      a(name('a.b.example.net')),
    ])
    expect(both(message)).toMatchObject({
      chain: [wire('a.b.tree.example'), wire('a.b.example.net')],
      addresses: ['1 c0000201 40'],
    })
  })

  test('it covers what is below its owner, not the owner and no look-alike', () => {
    for (const qname of ['tree.example', 'mytree.example', 'example'])
      expect(both(response(name(qname), [dname(name('tree.example'), name('example.net'))]))).toMatchObject({
        chain: [wire(qname)],
      })
  })

  test('a label that holds the octets of the owner is not below it', () => {
    const odd = concat([7], Buffer.from('my\x04tree'), name('example'))
    expect(both(response(odd, [dname(name('tree.example'), name('example.net'))]))).toMatchObject({ offChain: 1 })
    expect(reader.chainLength).toBe(1)
  })

  test('a name that would pass 255 octets ends the chain', () => {
    const long = ['a', 'b', 'c'].map((letter) => letter.repeat(60)).join('.')
    const message = response(name(`${long}.tree.example`), [dname(name('tree.example'), name(`${'d'.repeat(63)}.example`))])
    expect((both(message) as SlowResponse).chain).toHaveLength(1)
  })
})

describe('addresses', () => {
  test('a TTL of 2^31 or more is 0 (RFC 2181 §8)', () => {
    const message = response(name('q'), [a(QNAME, 1, 2 ** 31 - 1), a(QNAME, 2, 2 ** 31), a(QNAME, 3, 2 ** 32 - 1)])
    expect(both(message)).toMatchObject({
      addresses: ['0 c0000201 2147483647', '0 c0000202 0', '0 c0000203 0'],
    })
  })

  test('an A without 4 octets and an AAAA without 16 are malformed, and the others count', () => {
    const message = response(name('q'), [
      record(QNAME, TYPE.A, [1, 2, 3]),
      record(QNAME, TYPE.A, [1, 2, 3, 4, 5]),
      record(QNAME, TYPE.AAAA, [1, 2, 3, 4]),
      record(QNAME, TYPE.A, []),
      a(QNAME),
    ])
    expect(both(message)).toMatchObject({ malformed: 4, addresses: ['0 c0000201 60'] })
  })

  test('a record of another class is left out and counted', () => {
    const message = response(name('q'), [record(QNAME, TYPE.A, [6, 6, 6, 6], 60, 3), a(QNAME)])
    expect(both(message)).toMatchObject({ otherClass: 1, addresses: ['0 c0000201 60'] })
  })

  test('records of other types are skipped by length, known or not', () => {
    const message = response(name('q'), [
      record(name('.'), TYPE.OPT, [1, 2, 3], 0, 1232),
      record(QNAME, TYPE.RRSIG, new Uint8Array(90)),
      record(QNAME, 65280, [0xc0]),
      a(QNAME),
      record(QNAME, TYPE.TXT, []),
    ])
    expect(both(message)).toMatchObject({ addresses: ['0 c0000201 60'], otherClass: 0, offChain: 0 })
  })

  test('what follows the answers is not looked at', () => {
    const message = response(name('q'), [a(QNAME)], { tail: [0xff, 0xff, 0xff] })
    expect(both(message)).toMatchObject({ addresses: ['0 c0000201 60'] })
  })
})

describe('hints of SVCB and HTTPS records (RFC 9460)', () => {
  const param = (key: number, value: Part) => concat(u16(key), u16(value.length), value)
  const service = (...params: Part[]) => concat(u16(1), name('.'), ...params)
  const V4 = [192, 0, 2, 9, 192, 0, 2, 10]
  const V6 = new Array<number>(16).fill(0x20)

  test.each([
    ['SVCB', TYPE.SVCB],
    ['HTTPS', TYPE.HTTPS],
  ])('%s gives ipv4hint and ipv6hint', (_name, type) => {
    const rdata = service(param(1, [2, 0x68, 0x32]), param(4, V4), param(6, V6), param(65280, [1]))
    expect(both(response(name('q'), [record(QNAME, type, rdata, 30)], { qtype: type }))).toMatchObject({
      qtype: type,
      addresses: ['0 20202020202020202020202020202020 30', '0 c0000209 30', '0 c000020a 30'],
    })
  })

  test('behind a CNAME they belong to its target', () => {
    const message = response(name('q'), [cname(QNAME, name('t'), 20), record(name('t'), TYPE.HTTPS, service(param(4, V4)))])
    expect(both(message)).toMatchObject({ addresses: ['1 c0000209 20', '1 c000020a 20'] })
  })

  test('an alias (priority 0) has none', () => {
    const rdata = concat(u16(0), name('t.example'), param(4, V4))
    expect(both(response(name('q'), [record(QNAME, TYPE.HTTPS, rdata)]))).toMatchObject({ addresses: [], malformed: 0 })
  })

  test.each([
    ['keys out of order', service(param(6, V6), param(4, V4))],
    ['a key twice', service(param(4, V4), param(4, V4))],
    ['an empty hint', service(param(4, []))],
    ['an ipv4hint of 5 octets', service(param(4, [1, 2, 3, 4, 5]))],
    ['an ipv6hint of 4 octets', service(param(4, V4), param(6, [1, 2, 3, 4]))],
    ['a value past the RDATA', concat(service(), u16(4), u16(8), [1, 2, 3, 4])],
    ['a parameter cut in its head', concat(service(param(4, V4)), u16(5), [0])],
    ['a compressed target', concat(u16(1), pointer(12), param(4, V4))],
    ['a target past the RDATA', concat(u16(1), [9, 1, 2])],
    ['no target', u16(1)],
    ['no RDATA', []],
    ['a target over 255 octets', concat(u16(1), ...new Array<number[]>(130).fill([1, 0x61]), [0], param(4, V4))],
  ])('%s: nothing of the record is used, and it is counted', (_name, rdata) => {
    const message = response(name('q'), [record(QNAME, TYPE.HTTPS, rdata), a(QNAME)])
    expect(both(message)).toMatchObject({ malformed: 1, addresses: ['0 c0000201 60'] })
  })
})

describe('hostile names', () => {
  const qname = name('www.example.org')
  const answersAt = 12 + qname.length + 4

  test.each([
    ['a pointer into the header', [a(pointer(4))], 'bad-pointer'],
    ['a pointer to itself', [a(pointer(answersAt))], 'bad-pointer'],
    ['a forward pointer', [a(pointer(answersAt + 20))], 'bad-pointer'],
    ['labels that point back to their own start', [a(concat([1, 0x61], pointer(answersAt)))], 'bad-pointer'],
    ['a label of 64 octets', [a(concat([0x40], new Uint8Array(64), [0]))], 'bad-label'],
    ['a length octet of 0x80', [a([0x80, 0])], 'bad-label'],
    ['an owner over 255 octets', [a(concat(...new Array<number[]>(128).fill([1, 0x61]), [0]))], 'name-too-long'],
    ['an owner made too long by a pointer', [a(concat(...new Array<number[]>(121).fill([1, 0x61]), QNAME))], 'name-too-long'],
    ['a CNAME target with a forward pointer', [cname(QNAME, pointer(answersAt + 90))], 'bad-pointer'],
    ['a CNAME target that ends before its RDATA', [cname(QNAME, concat(name('a.b'), [0]))], 'bad-target'],
    ['a CNAME target that runs out of its RDATA', [cname(QNAME, [3, 0x61]), a(QNAME)], 'bad-target'],
    ['an empty CNAME', [cname(QNAME, [])], 'record-past-end'],
    ['more answers announced than there are', [a(QNAME)], 'record-past-end', 2],
  ])('%s spoils the message', (_name, answers, reason, announced = answers.length) => {
    expect(both(response(qname, answers, { answers: announced }))).toBe(reason)
  })

  test('a QNAME may not be a pointer, for nothing stands before it', () => {
    expect(both(response(pointer(12), []))).toBe('bad-pointer')
    expect(both(response(concat([1, 0x61], pointer(12)), []))).toBe('bad-pointer')
    expect(both(response([0x41, 0], []))).toBe('bad-label')
  })

  test('two names that point at each other', () => {
    const first = record(QNAME, TYPE.TXT, concat([1, 0x61], pointer(answersAt + 30)))
    expect(both(response(qname, [first, a(pointer(answersAt + 12))]))).toBe('bad-pointer')
  })

  test.each([
    ['back to the start of what it leads to', answersAt + 12],
    ['into the middle of it', answersAt + 14],
    ['into the header', 4],
    ['to itself', answersAt + 16],
    ['forward', answersAt + 20],
  ])('an owner that leads to labels whose pointer goes %s', (_name, target) => {
    const labels = record(QNAME, TYPE.TXT, concat([1, 0x61, 1, 0x62], pointer(target)))
    expect(both(response(qname, [labels, a(pointer(answersAt + 12))]))).toBe('bad-pointer')
  })

  test('a staircase of pointers is followed to a name of 127 labels, and no further', () => {
    const steps = (count: number) => concat(...Array.from({ length: count }, (_, i) => pointer(answersAt + 12 + 2 * (i - 1))))
    const stairs = (count: number) => record(QNAME, TYPE.TXT, concat([0, 0], steps(count).slice(2)))
    const end = (count: number) => answersAt + 12 + 2 * (count - 1)
    expect(both(response(qname, [stairs(100), a(pointer(end(100)))]))).toMatchObject({ offChain: 1 })
    expect(both(response(qname, [stairs(2000), a(pointer(end(2000)))]))).toBe('bad-pointer')
  })

  test('a QNAME of 255 octets is legal, of 256 is not', () => {
    const label = concat([63], new Uint8Array(63).fill(0x61))
    const longest = concat(label, label, label, [61], new Uint8Array(61).fill(0x62), [0])
    expect(longest).toHaveLength(255)
    expect(both(response(longest, [a(QNAME), a(longest, 2)]))).toMatchObject({
      addresses: ['0 c0000201 60', '0 c0000202 60'],
    })
    const longer = concat(label, label, label, [62], new Uint8Array(62).fill(0x62), [0])
    expect(both(response(longer, []))).toBe('name-too-long')
  })

  test('binary labels are labels: a dot or a zero inside separates nothing', () => {
    const odd = concat([5], Buffer.from('a.b\0c'), name('example'))
    expect(both(response(odd, [a(odd), a(name('a.b\\000c.example'), 2)]))).toMatchObject({ offChain: 1 })
  })
})

describe('TC', () => {
  const answers = [a(QNAME), a(QNAME, 2)]

  test('whole records are used, and the flag is told', () => {
    expect(both(response(name('q'), answers, { flags: 0x8380 }))).toMatchObject({
      truncated: true,
      addresses: ['0 c0000201 60', '0 c0000202 60'],
    })
  })

  test('a record cut off is left out; without TC it spoils the message', () => {
    const cut = (flags: number) => response(name('q'), answers, { flags }).subarray(0, -3)
    expect(both(cut(0x8380))).toMatchObject({ truncated: true, addresses: ['0 c0000201 60'] })
    expect(both(cut(0x8180))).toBe('record-past-end')
  })
})

describe('against the slow twin', () => {
  const label = fc.constantFrom('a', 'b', 'www', 'Example', 'x'.repeat(60))
  const anyName: fc.Arbitrary<Part> = fc.array(label, { maxLength: 4 }).map((labels) => name(labels.join('.') || '.'))
  const fewNames: fc.Arbitrary<Part> = fc.constantFrom('q.a', 'Q.A', 'b.q.a', 'a', 'b.a', 'c').map(name)
  const anyPointer: fc.Arbitrary<Part> = fc.oneof(fc.constant(12), fc.integer({ min: 0, max: 120 }), fc.nat(0x3fff)).map(pointer)
  const anyOwner = fc.oneof(
    { weight: 3, arbitrary: fc.constant(QNAME) },
    { weight: 6, arbitrary: fewNames },
    { weight: 2, arbitrary: anyPointer },
    { weight: 1, arbitrary: anyName },
    { weight: 1, arbitrary: fc.tuple(label, anyPointer).map(([text, to]) => concat([text.length], Buffer.from(text), to)) },
  )
  const ttl = fc.constantFrom(0, 1, 30, 60, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1)
  const rclass = fc.constantFrom(1, 1, 1, 1, 1, 3)
  const svcParam = fc
    .tuple(fc.constantFrom(1, 4, 4, 6, 7), fc.constantFrom(0, 3, 4, 8, 16, 32))
    .map(([key, length]) => concat(u16(key), u16(length), new Uint8Array(length).fill(key)))
  const svc = fc
    .tuple(fc.constantFrom(0, 1, 1, 1), fewNames, fc.array(svcParam, { maxLength: 3 }))
    .map(([priority, target, params]) => concat(u16(priority), target, ...params))
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  const anyRecord: fc.Arbitrary<[Part, number, Part, number, number]> = fc.oneof(
    fc.tuple(anyOwner, fc.constant(TYPE.A), fc.oneof(bytes(4), bytes(4), bytes(3)), ttl, rclass),
    fc.tuple(anyOwner, fc.constant(TYPE.AAAA), bytes(16), ttl, rclass),
    fc.tuple(anyOwner, fc.constantFrom(TYPE.CNAME, TYPE.CNAME, TYPE.DNAME), anyOwner, ttl, rclass),
    fc.tuple(anyOwner, fc.constantFrom(TYPE.CNAME, TYPE.DNAME), fewNames, ttl, rclass),
    fc.tuple(anyOwner, fc.constantFrom(TYPE.SVCB, TYPE.HTTPS), svc, ttl, rclass),
    fc.tuple(anyOwner, fc.constantFrom(TYPE.TXT, TYPE.RRSIG, TYPE.OPT), bytes(5), ttl, rclass),
  )
  const anyMessage = fc
    .tuple(
      fc.oneof(fewNames, fewNames, anyName),
      fc.array(anyRecord, { maxLength: 8 }),
      fc.constantFrom(0x8180, 0x8180, 0x8180, 0x8380),
      fc.constantFrom(0, 0, 0, 1),
    )
    .map(([qname, records, flags, more]) =>
      response(
        qname,
        records.map((r) => record(...r)),
        { flags, answers: records.length + more },
      ),
    )

  test('messages of good and odd records', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        both(message)
      }),
      { numRuns: 4000 },
    )
  })

  test('every truncation, and any damage', () => {
    fc.assert(
      fc.property(anyMessage, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), (message, damage) => {
        for (const [at, byte] of damage) message[at % message.length] = byte
        for (let end = 0; end <= message.length; end++) both(message.subarray(0, end))
      }),
      { numRuns: 100 },
    )
  })

  test('random bytes behind a header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (tail) => {
        both(concat([0, 0], u16(0x8180), u16(1), u16(3), [0, 0, 0, 0], tail))
      }),
      { numRuns: 2000 },
    )
  })
})
