import { expect, test } from 'vitest'
import { parseBirdRoutes } from './bird.ts'

test('reads what BIRD 2.0.12 says of its routes', () => {
  const text = `Table master4:
198.51.100.1/32      unreachable [peer 07:05:57.451 from 127.85.47.28] * (100) [AS65000i]
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path: 65000 65001
\tBGP.next_hop: 192.0.2.9
\tBGP.med: 7
\tBGP.local_pref: 100
\tBGP.community: (65535,65281) (65000,100)
\tBGP.large_community: (65000, 1, 2)
198.51.100.2/32      unreachable [peer 07:05:57.451 from 127.85.47.28] * (100) [i]
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path: 
\tBGP.next_hop: 2001:db8::9 fe80::9
`
  expect(parseBirdRoutes(text)).toEqual([
    {
      prefix: '198.51.100.1/32',
      nextHop: '192.0.2.9',
      origin: 'igp',
      asPath: [65000, 65001],
      localPref: 100,
      med: 7,
      communities: ['65000:100', '65535:65281'],
      largeCommunities: ['65000:1:2'],
    },
    {
      prefix: '198.51.100.2/32',
      nextHop: '2001:db8::9',
      origin: 'igp',
      asPath: [],
      localPref: undefined,
      med: undefined,
      communities: [],
      largeCommunities: [],
    },
  ])
})
