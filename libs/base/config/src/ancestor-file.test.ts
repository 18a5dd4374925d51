/** The file of dnstap-bgp 1.1 is read as it is. */
import { parseConfig } from './parse-config.ts'
import { describe, expect, test } from 'vitest'
import { ANCESTOR, BGP, FILE, parse } from '../testing/parsing.ts'

describe("the ancestor's file", () => {
  test('is read as it is', () => {
    const config = parseConfig(ANCESTOR, FILE, {}, { needs: ['lists', 'dnstap', 'bgp', 'syncer'] })
    expect(config.warnings).toEqual([])
    expect(config.ipv6).toBe(true)
    expect(config.lists).toMatchObject([
      {
        name: 'default',
        source: { kind: 'path', path: '/etc/dnstap-bgp/domains.txt' },
        lifetime: { kind: 'idle', ttlMs: 43_200_000 },
      },
    ])
    expect(config.store).toEqual({ kind: 'file', path: '/var/lib/dnstap-bgp/cache' })
    expect(config.bus).toEqual({ kind: 'local' })
    expect(config.dnstap.listen).toEqual([{ kind: 'unix', path: '/run/dnstap-bgp/dnstap.sock' }])
    expect(config.dnstap.mode).toBe(0o666)
    expect(config.bgp).toMatchObject({
      asn: 65000,
      bgpIdentifier: '192.0.2.1',
      nextHopIpv4: '192.0.2.9',
      nextHopIpv6: '2001:db8::9',
      listen: undefined,
    })
    expect(config.bgp.peers.map(({ remote, port, asn }) => [remote, port, asn])).toEqual([
      [{ kind: 'address', address: '192.0.2.2' }, 179, 65000],
      [{ kind: 'address', address: '192.0.2.3' }, 1179, 65000],
      [{ kind: 'address', address: '2001:db8::2' }, 179, 65000],
    ])
    expect(config.bgp.peers[0]).toMatchObject({ families: ['ipv4', 'ipv6'], sourceIpv4: '192.0.2.1', ttl: 64, passive: false })
    expect(config.syncer).toMatchObject({
      listen: { kind: 'tcp', host: '0.0.0.0', port: 8080 },
      syncIntervalMs: 300_000,
      peers: [
        { host: '192.0.2.7', port: 8080 },
        { host: 'other.example.org', port: 8081 },
      ],
    })
  })

  test('may spell its keys in any case', () => {
    expect(parse(ANCESTOR.replaceAll(/^\w+|^\[\w+\]/gm, (key) => key.toLowerCase()))).toEqual(parse(ANCESTOR))
    expect(parse(ANCESTOR.replaceAll(/^\w+|^\[\w+\]/gm, (key) => key.toUpperCase()))).toEqual(parse(ANCESTOR))
  })

  test('may leave out what is optional, or leave it empty', () => {
    const config = parse(
      `domains = "d"\ncache = ""\nttl = ""\n${BGP}nextHop = ""\n[dnstap]\nlisten = "127.0.0.1:6000"\nperm = ""\n[syncer]\nlisten = ""\n`,
    )
    expect(config.store).toEqual({ kind: 'memory' })
    expect(config.lists[0].lifetime).toEqual({ kind: 'idle', ttlMs: 86_400_000 })
    expect(config.bgp).toMatchObject({ nextHopIpv4: '192.0.2.1', nextHopIpv6: undefined, peers: [] })
    expect(config.syncer).toMatchObject({ listen: undefined, syncIntervalMs: 600_000 })
  })

  test('takes the next hop from sourceIP, and that from routerID', () => {
    expect(parse(`${BGP}sourceIP = "192.0.2.5"\n`).bgp?.nextHopIpv4).toBe('192.0.2.5')
    expect(parse(BGP).bgp?.nextHopIpv4).toBe('192.0.2.1')
  })

  test('without nextHopIPv6 is told that peers over IPv4 get no IPv6 routes; fd00::1 is nobody', () => {
    const config = parse(`domains = "d"\nipv6 = true\n${BGP}peers = ["192.0.2.2"]\n`)
    expect(config.bgp?.nextHopIpv6).toBeUndefined()
    expect(config.warnings).toEqual([expect.stringContaining('bgp.nextHopIPv6')])
  })
})
