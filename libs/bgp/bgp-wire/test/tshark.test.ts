/** Everything we write, read by a decoder that shares nothing with ours. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { octets } from './recorded.ts'
import {
  CeaseSubcode,
  NO_CAPABILITIES,
  RouteRefreshSubtype,
  UpdateWriter,
  cease,
  encodeAttributes,
  encodeKeepalive,
  encodeNotification,
  encodeOpen,
  encodeRouteRefresh,
  hardReset,
} from '../src/index.ts'

const hasTshark = spawnSync('tshark', ['--version']).status === 0

/** A capture (pcap, raw IPv4) of one TCP segment from port 179 for each chunk. */
function capture(chunks: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [octets('a1b2c3d4 0002 0004 00000000 00000000 0003ffff 00000065')]
  let sequence = 1
  for (const chunk of chunks) {
    const packet = new Uint8Array(40 + chunk.length)
    packet.set(octets('4500 0000 0000 4000 40 06 0000 c0000201 c0000202 00b3 9c40 00000000 00000001 5018 ffff 0000 0000'))
    const view = new DataView(packet.buffer)
    view.setUint16(2, packet.length)
    view.setUint32(24, sequence)
    packet.set(chunk, 40)
    sequence += chunk.length
    const head = new DataView(new ArrayBuffer(16))
    head.setUint32(8, packet.length)
    head.setUint32(12, packet.length)
    parts.push(new Uint8Array(head.buffer), packet)
  }
  return Buffer.concat(parts)
}

function read(chunks: readonly Uint8Array[], ...options: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'bgp-wire-'))
  try {
    const file = join(folder, 'capture.pcap')
    writeFileSync(file, capture(chunks))
    const output = execFileSync('tshark', ['-n', '-r', file, ...options], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return output.split('\n').filter((line) => line !== '')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const NEXT_HOP_4 = octets('c0000209')
const NEXT_HOP_6 = octets('20010db8000000000000000000000009')
const EVERYTHING = {
  med: 70,
  communities: [0xfbf00064, 0xffffff01],
  largeCommunities: [[4200000001, 1, 2]] as const,
}
const families = [
  { family: 'ipv4', forwarding: true },
  { family: 'ipv6', forwarding: true },
] as const

function updates(): Uint8Array {
  const writer = new UpdateWriter()
  const buffer = new Uint8Array(1 << 16)
  writer.reset(buffer)
  const v6 = octets('20010db8000100000000000000000000')
  const sets = [
    encodeAttributes('ipv4', { asPath: [4200000001], nextHop: NEXT_HOP_4, ...EVERYTHING }, true),
    encodeAttributes('ipv4', { asPath: [], nextHop: NEXT_HOP_4, localPref: 100 }, true),
    encodeAttributes('ipv6', { asPath: [], nextHop: NEXT_HOP_6, localPref: 100, ...EVERYTHING }, true),
    encodeAttributes('ipv4', { asPath: [64496], nextHop: NEXT_HOP_6, ...EVERYTHING }, true),
  ]
  for (const block of sets) {
    writer.advertise(block)
    for (let i = 0; i < 1000; i++) {
      v6[14] = i >> 8
      v6[15] = i
      if (!(block.family === 'ipv6' ? writer.add(v6, 0, 128) : writer.addIpv4(0xc6330000 + i, 32))) throw new Error('no room')
    }
  }
  writer.withdraw('ipv4')
  writer.addIpv4(0xc6336400, 24)
  writer.addIpv4(0, 0)
  writer.withdraw('ipv6')
  writer.add(v6, 0, 48)
  writer.endOfRib('ipv4')
  writer.endOfRib('ipv6')
  return buffer.subarray(0, writer.finish())
}

describe.skipIf(!hasTshark)('tshark', () => {
  const open = encodeOpen({
    asn: 4200000001,
    holdTimeSeconds: 90,
    bgpIdentifier: 0xc0000201,
    capabilities: {
      ...NO_CAPABILITIES,
      families: ['ipv4', 'ipv6'],
      routeRefresh: true,
      enhancedRouteRefresh: true,
      extendedMessage: true,
      extendedNextHop: ['ipv4'],
      fourOctetAsn: 4200000001,
      gracefulRestart: { restarting: true, notification: true, restartTimeSeconds: 120, families },
      longLivedGracefulRestart: families.map((one) => ({ ...one, staleTimeSeconds: 300 })),
      role: 3,
      fqdn: { hostName: 'host', domainName: 'example.org' },
    },
  })
  const stream = Buffer.concat([
    open,
    encodeKeepalive(),
    updates(),
    ...[0, 1, 2].map((subtype) => encodeRouteRefresh('ipv6', subtype as RouteRefreshSubtype)),
    encodeNotification(cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN, 'back at noon')),
    encodeNotification(hardReset(cease(CeaseSubcode.ADMINISTRATIVE_SHUTDOWN))),
  ])
  const chunks = Array.from({ length: Math.ceil(stream.length / 1400) }, (_, i) => stream.subarray(i * 1400, (i + 1) * 1400))

  test('finds nothing malformed in what we write', () => {
    const filter = ['-Y', '_ws.malformed || _ws.expert.severity >= 0x600000']
    expect(read(chunks, ...filter)).toEqual([])
    // And it would have said so: an attribute one octet longer than it is.
    const wrong = encodeRouteRefresh('ipv4').slice()
    wrong[18] = 2
    expect(read([wrong], ...filter).length).toBe(1)
  })

  test('reads the routes, next hops and communities that were meant', () => {
    const text = read(chunks, '-V', '-O', 'bgp')
    const count = (pattern: RegExp) => text.filter((line) => pattern.test(line)).length
    expect(count(/^\s+198\.51\.\d+\.\d+\/32$/)).toBe(3000)
    expect(count(/^\s+2001:db8:1::[0-9a-f]*\/128$/)).toBe(1000)
    expect(count(/Path Attribute - LARGE_COMMUNITY: 4200000001:1:2/)).toBeGreaterThan(2)
    expect(count(/Path Attribute - COMMUNITIES: .*64496:100 .*/)).toBeGreaterThan(2)
    expect(count(/Path Attribute - AS_PATH: 4200000001/)).toBeGreaterThan(0)
    expect(count(/IPv6 Address: 2001:db8::9|IPv6=2001:db8::9/)).toBeGreaterThan(2)
    expect(count(/Shutdown Communication: back at noon/)).toBe(1)
    expect(count(/Type: ROUTE-REFRESH Message/)).toBe(3)
  })
})
