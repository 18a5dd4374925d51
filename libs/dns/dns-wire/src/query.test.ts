import { expect, test } from 'vitest'
import { textToName } from './name.ts'
import { encodeQuery, QueryType } from './query.ts'

test('a query is what dig sends with +noedns +noad', () => {
  // dig 9.18 +noedns +noad +qid=4660 www.example.org HTTPS, as a server received it
  const golden = '12340100000100000000000003777777076578616d706c65036f72670000410001'
  const name = textToName('www.example.org') ?? new Uint8Array()
  expect(Buffer.from(encodeQuery(0x1234, name, QueryType.HTTPS)).toString('hex')).toBe(golden)
})
