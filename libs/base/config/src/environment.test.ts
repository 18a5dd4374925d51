/** SettingsByName from the environment, and secrets from wherever they come. */
import { parseConfig } from './parse-config.ts'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ANCESTOR, BGP, FILE, folder, mistakesIn, parse } from '../testing/parsing.ts'

describe('the environment', () => {
  test('wins over the file, for any scalar and for lists', () => {
    const config = parse(ANCESTOR, {
      DNSTAP_BGP_TTL: '1h',
      DNSTAP_BGP_IPV6: 'false',
      DNSTAP_BGP_BGP_AS: '65001',
      DNSTAP_BGP_BGP_ROUTERID: '192.0.2.4',
      DNSTAP_BGP_BGP_NEXT_HOP: '192.0.2.10',
      DNSTAP_BGP_BGP_PEERS: '192.0.2.20, 192.0.2.21',
      DNSTAP_BGP_LOG_FORMAT: 'json',
      DNSTAP_BGP_DNSTAP_TLS_CERT: '',
    })
    expect(config.lists[0].lifetime).toEqual({ kind: 'idle', ttlMs: 3_600_000 })
    expect(config.ipv6).toBe(false)
    expect(config.bgp).toMatchObject({ asn: 65001, bgpIdentifier: '192.0.2.4', nextHopIpv4: '192.0.2.10' })
    expect(config.bgp?.peers.map(({ name }) => name)).toEqual(['192.0.2.20', '192.0.2.21'])
    expect(config.log.format).toBe('json')
    expect(config.dnstap?.tls).toBeUndefined()
  })

  test('can stand for whole tables', () => {
    const config = parseConfig(
      '',
      FILE,
      {
        DNSTAP_BGP_DOMAINS: '/d',
        DNSTAP_BGP_DNSTAP_LISTEN: ':6000',
        DNSTAP_BGP_BGP_AS: '1',
        DNSTAP_BGP_BGP_ROUTERID: '192.0.2.1',
      },
      { needs: ['lists', 'dnstap', 'bgp'] },
    )
    expect(config.dnstap.listen).toEqual([{ kind: 'tcp', host: undefined, port: 6000 }])
    expect(config.lists).toHaveLength(1)
  })

  test('is judged like the file', () => {
    expect(mistakesIn('', { DNSTAP_BGP_BGP_AS: 'many', DNSTAP_BGP_BGP_ROUTERID: '192.0.2.1' })).toEqual([
      'DNSTAP_BGP_BGP_AS: seen many, expected an AS number from 1 to 4294967295',
    ])
  })

  test('starts a table of which the file has nothing: a key that the table needs is missing, whichever came first', () => {
    expect(mistakesIn('', { DNSTAP_BGP_BGP_ROUTERID: '192.0.2.1' })).toEqual(['bgp.as: missing, expected the number of our AS'])
    expect(mistakesIn('', { DNSTAP_BGP_BGP_AS: '64500' })).toHaveLength(1)
  })

  test('names that are no setting are a warning; what Kubernetes and Docker make up is none', () => {
    const config = parse('', {
      DNSTAP_BGP_TTTL: '1h',
      DNSTAP_BGP_CACHE_SERVICE_HOST: '10.0.0.1',
      DNSTAP_BGP_CACHE_SERVICE_PORT_HTTP: '80',
      DNSTAP_BGP_CACHE_PORT: 'tcp://10.0.0.1:80',
      DNSTAP_BGP_CACHE_PORT_80_TCP_ADDR: '10.0.0.1',
      DNSTAP_BGP_CONFIG: '/etc/x',
      OTHER: '1',
    })
    expect(config.warnings).toEqual(['environment variable DNSTAP_BGP_TTTL is not a setting; did you mean DNSTAP_BGP_TTL?'])
  })

  test('sockets handed over by systemd need no listen', () => {
    expect(parse('[dnstap]\ntypes = "CLIENT_RESPONSE"', { LISTEN_FDS: '1' }).dnstap?.listen).toEqual([])
  })
})

describe('secrets', () => {
  writeFileSync(join(folder, 'password'), 'sesame\n')
  writeFileSync(join(folder, 'empty'), '\n')
  const peer = (line: string) => `${BGP}[[bgp.peer]]\naddress = "192.0.2.2"\n${line}\n`

  test('come from the file, from a file of their own without its line end, or from the environment', () => {
    expect(parse(peer('password = "open"')).bgp?.peers[0].password?.reveal()).toBe('open')
    expect(parse(peer('passwordFile = "password"')).bgp?.peers[0].password?.reveal()).toBe('sesame')
    expect(parse('[syncer]\npeers = ["a:1"]', { DNSTAP_BGP_SYNCER_TOKEN: 't' }).syncer?.token?.reveal()).toBe('t')
    expect(parse(`${BGP}peers = ["192.0.2.2"]`, { DNSTAP_BGP_BGP_PASSWORD: 'for all' }).bgp?.peers[0].password?.reveal()).toBe(
      'for all',
    )
  })

  test('are not shown by anything that prints a configuration', () => {
    const config = parse(
      `${peer('password = "hunter2"')}[bus]\nservers = "a"\ntoken = "hunter2"\n[store]\nredis = "r"\npassword = "hunter2"\n[admin]\ntoken = "hunter2"\n`,
    )
    for (const shown of [JSON.stringify(config), inspect(config, { depth: 9 }), `${config.admin.token}`]) {
      expect(shown).not.toContain('hunter2')
      expect(shown).toContain('[secret]')
    }
  })

  test.each<[string, string, Record<string, string>]>([
    ['a number', peer('password = 12345678'), {}],
    ['too long', peer(`password = "${'12345678'.repeat(20)}"`), {}],
    ['in a URL of NATS', '[bus]\nservers = "nats://me:12345678@a"', {}],
    ['in a URL of Redis', '[store]\nredis = "redis://:12345678@a"', {}],
    ['in a URL of a list', '[[list]]\nname = "a"\nsource = "https://me:12345678@a/"', {}],
    ['in the environment', BGP, { DNSTAP_BGP_BGP_PASSWORD: '12345678'.repeat(20) }],
  ])('are not shown when they are wrong: %s', (_what, text, environment) => {
    const found = mistakesIn(text, environment)
    expect(found).toHaveLength(1)
    expect(found[0]).not.toContain('12345678')
  })

  test.each([
    ['a file that is not there', 'passwordFile = "nowhere"', /there is no such file/],
    ['an empty file', 'passwordFile = "empty"', /is empty/],
    ['both ways at once', 'password = "a"\npasswordFile = "password"', /set together with bgp\.peer\.password/],
  ])('%s is a mistake', (_what, line, expected) => {
    expect(mistakesIn(peer(line))).toEqual([expect.stringMatching(expected)])
  })
})
