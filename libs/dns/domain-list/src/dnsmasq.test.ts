import { expect, test } from 'vitest'
import { collect, fixture, rulesOf } from '../test/collect.ts'

test('the fixture: server, local, address, ipset and nftset', () => {
  expect(collect([fixture('dnsmasq.conf')], 'dnsmasq').entries).toEqual([
    '2 skip unsupported-directive no-resolv',
    '3 skip unsupported-directive server=192.0.2.53',
    '4 suffix example.com',
    '5 suffix a.example',
    '5 suffix b.example',
    '5 suffix c.example',
    '6 @@suffix www.example.com',
    '7 suffix d.example',
    '8 suffix lan.example',
    '9 suffix blocked.example',
    '10 suffix null.example',
    '11 suffix spaced.example',
    '12 suffix set.example',
    '12 suffix set2.example',
    '13 suffix nft.example',
    '14 subdomains below.example',
    '15 regexp ending\\.example$',
    '16 skip too-broad address=/#/192.0.2.1',
    '17 skip unsupported-pattern server=//192.0.2.53',
    '18 skip bad-syntax address=/incomplete.example',
    '19 suffix xn--e1afmkfd.xn--p1ai',
    '20 skip empty-label bad..example',
    '21 skip unsupported-directive cname=alias.example,target.example',
  ])
})

test.each([
  ['server=/a.example/', ['suffix a.example']],
  ['local=/a.example/#', ['@@suffix a.example']],
  ['address=/a.example/#', ['suffix a.example']],
  ['server=/A.Example./192.0.2.1', ['suffix a.example']],
  ['ipset=/*/vpn', ['skip too-broad ipset=/*/vpn']],
  ['server=/*a*.example/192.0.2.1', ['skip unsupported-pattern *a*.example']],
  ['server', ['skip unsupported-directive server']],
  ['server=', ['skip unsupported-directive server=']],
  ['server=/', ['skip bad-syntax server=/']],
])('%j', (line, rules) => expect(rulesOf(line, 'dnsmasq')).toEqual(rules))
