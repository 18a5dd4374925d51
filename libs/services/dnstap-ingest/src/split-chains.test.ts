import { describe, expect, test } from 'vitest'
import { a, cname, startIngest } from '../testing/ingest-under-test.ts'

describe('a chain in pieces (RESOLVER_RESPONSE)', () => {
  const types = ['RESOLVER_RESPONSE']
  const resolver = { messageType: 4 }

  test('is put together', async () => {
    const { answer, got, ingest } = startIngest({ types })
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net', 60)], resolver)
    await answer('a.cdn.net', [cname('a.cdn.net', 'b.cdn.net')], resolver)
    await answer('b.cdn.net', [a('b.cdn.net')], resolver)
    expect(got).toMatchObject([
      { list: 'video', name: 'www.example.org', ttlSeconds: 60, chain: ['www.example.org', 'a.cdn.net', 'b.cdn.net'] },
    ])
    expect(ingest.counters.linksJoined).toBe(2)
  })

  test('feeds the list of the listed name as well when the target is on another list', async () => {
    const { answer, got } = startIngest({ types, rules: { video: ['example.org'], work: ['cdn.net'] } })
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net', 60)], resolver)
    await answer('a.cdn.net', [a('a.cdn.net')], resolver)
    expect(got.map(({ list, name }) => [list, name]).sort()).toEqual([
      ['video', 'www.example.org'],
      ['work', 'a.cdn.net'],
    ])
  })

  test('that leads back to itself ends', async () => {
    const { answer, got, ingest } = startIngest({ types })
    for (let i = 0; i < 100; i++) {
      await answer('www.example.org', [cname('www.example.org', 'a.cdn.net')], resolver)
      await answer('a.cdn.net', [cname('a.cdn.net', 'www.example.org')], resolver)
    }
    expect(got).toEqual([])
    expect(ingest.counters.frames).toBe(200)
  })

  test('is not joined by what a client asked, where both kinds are heard', async () => {
    const { answer, got } = startIngest({ types: ['CLIENT_RESPONSE', 'RESOLVER_RESPONSE'] })
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net')], resolver)
    await answer('a.cdn.net', [a('a.cdn.net')])
    expect(got).toEqual([])
  })

  test('is forgotten after a short while', async () => {
    const { answer, got, clock } = startIngest({ types })
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net')], resolver)
    await clock.advanceAsync(31_000)
    await answer('a.cdn.net', [a('a.cdn.net')], resolver)
    expect(got).toEqual([])
  })

  test('is not looked for in CLIENT_RESPONSEs alone: they carry their chain', async () => {
    const { answer, got } = startIngest()
    await answer('www.example.org', [cname('www.example.org', 'a.cdn.net')])
    await answer('a.cdn.net', [a('a.cdn.net')])
    expect(got).toEqual([])
  })
})
