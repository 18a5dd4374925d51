/** Lists in the shape in which they are published: what they are taken for, and what each of their lines gives. */
import { describe, expect, test } from 'vitest'
import { collect, detectFormat, rulesOf, utf8 } from '../test/collect.ts'

const lines = (...text: string[]) => `${text.join('\n')}\n`
const many = (count: number, line: (i: number) => string) => Array.from({ length: count }, (_, i) => line(i)).join('\n')

describe('the whole list decides the format', () => {
  test('5,000 names before entries of v2fly change nothing: both are read', () => {
    const list = lines(
      many(5000, (i) => `n${i}.example`),
      'full:x.example',
      'regexp:^ad[0-9]+\\.',
      'keyword:word',
    )
    expect(rulesOf(list, 'auto').slice(5000)).toEqual(['exact x.example', 'regexp ^ad[0-9]+\\.', 'keyword word'])
    expect(rulesOf(list, 'plain')).toEqual(rulesOf(list, 'auto'))
  })

  test('a comment of 100 KiB before a list changes nothing', () => {
    const comment = many(2000, () => `# ${'-'.repeat(50)}`)
    expect(detectFormat(utf8(lines(comment, '0.0.0.0 a.example')))).toBe('hosts')
    expect(detectFormat(utf8(lines(comment, 'payload:', '  - a.example')))).toBe('clash')
    expect(detectFormat(utf8(lines(comment, '[AutoProxy 0.2.9]', '||a.example')))).toBe('autoproxy')
  })

  test('a heading in the middle of a list is a line like others', () => {
    expect(detectFormat(utf8(lines('a.example', 'b.example', 'payload:')))).toBe('plain')
  })

  test('the order of lines changes nothing', () => {
    const mixed = ['a.example', '||b.example^', '0.0.0.0 c.example', 'full:d.example', 'DOMAIN,e.example', '+.f.example', 'x=y']
    for (let turn = 0; turn < mixed.length; turn++)
      expect(detectFormat(utf8(lines(...mixed.slice(turn), ...mixed.slice(0, turn))))).toBe('plain')
  })
})

test('v2fly as text with attributes: entries, and a choice of them', () => {
  const list = lines('domain:a.example:@cn', 'full:b.example:@cn,@ads', 'regexp:^c[0-9]\\.example$:@ads', 'domain:d.example')
  expect(detectFormat(utf8(list))).toBe('v2fly')
  expect(rulesOf(list, 'auto')).toEqual(['suffix a.example', 'exact b.example', 'regexp ^c[0-9]\\.example$', 'suffix d.example'])
  expect(rulesOf(list, 'auto', { attributes: ['cn'] })).toEqual(['suffix a.example', 'exact b.example'])
  expect(rulesOf(list, 'auto', { attributes: ['cn', '-ads'] })).toEqual(['suffix a.example'])
})

test('attributes that are chosen of a list without any refuse it', () => {
  expect(() => rulesOf('0.0.0.0 a.example', 'auto', { attributes: ['cn'] })).toThrow('have no attributes: remove #@cn')
  expect(rulesOf('a.example', 'plain', { attributes: ['cn'] })).toEqual([])
})

describe('base64', () => {
  const inside = lines('[AutoProxy 0.2.9]', '! a comment', '||a.example', '@@||ok.a.example', '|https://b.example/')
  const rules = ['suffix a.example', '@@suffix ok.a.example', 'exact b.example']
  const encoded = Buffer.from(inside).toString('base64')
  const cut = (encoded.match(/.{1,64}/g) ?? []).join('\n')
  test.each([
    ['on one line', encoded],
    ['in lines of 64', `${cut}\n`],
    ['with CR LF', cut.replaceAll('\n', '\r\n')],
  ])('%s is decoded, whatever format is configured', (_how, text) => {
    expect(detectFormat(utf8(text))).toBe('autoproxy')
    expect(rulesOf(text, 'auto')).toEqual(rules)
    expect(rulesOf(text, 'autoproxy')).toEqual(rules)
  })

  test('that is broken off or followed by something else refuses the list', () => {
    const long = Buffer.from(inside.repeat(200)).toString('base64')
    expect(() => rulesOf(long.slice(0, -3), 'auto')).toThrow('ends in the middle')
    expect(() => rulesOf(`${long}\na.example\n`, 'auto')).toThrow('is base64, and')
  })

  test('names of the same letters are no base64', () => {
    expect(rulesOf('com\nnet\norg\n', 'auto')).toEqual(['suffix com', 'suffix net', 'suffix org'])
    expect(detectFormat(utf8('abcdefghijklmnop\n'))).toBe('plain')
  })
})

test('AutoProxy: what a URL decides is skipped, and nothing is an expression', () => {
  const list = lines(
    '[AutoProxy 0.2.9]',
    '||t.co',
    '.below.example',
    'sub.example',
    '|http://host.example',
    '@@|https://host2.example/',
    'word',
    'path.example/x',
    '/^https?:\\/\\/x/',
    '||star.*',
  )
  expect(rulesOf(list, 'auto')).toEqual([
    'suffix t.co',
    'subdomains below.example',
    'suffix sub.example',
    'exact host.example',
    '@@exact host2.example',
    'skip unsupported-pattern word',
    'skip url path.example/x',
    'skip url /^https?:\\/\\/x/',
    'skip url ||star.*',
  ])
})

test('TYPE,value,POLICY in either case are classical rules', () => {
  const list = lines(
    'HOST-SUFFIX,a.example,Google',
    'host, b.example, proxy',
    'HOST-KEYWORD,blogspot,Google',
    'DOMAIN-REGEX,^ad{1,2}\\.example$,Proxy',
    'IP-CIDR,185.188.32.1/28,Proxy,no-resolve',
    'IP6-CIDR,2001:db8::/32,Proxy',
    'USER-AGENT,x*,Proxy',
    'FINAL,Google',
  )
  const rules = [
    'suffix a.example',
    'exact b.example',
    'keyword blogspot',
    'regexp ^ad{1,2}\\.example$',
    'address 185.188.32.0/28',
    'address 2001:db8::/32',
    'skip unsupported-rule USER-AGENT,x*,Proxy',
    'skip unsupported-rule FINAL,Google',
  ]
  expect(rulesOf(list, 'auto')).toEqual(rules)
  expect(collect([utf8(list)], 'auto').summary.notes).toEqual({ 'host-bits': 1 })
  // Among names they mean the same.
  expect(
    rulesOf(
      lines(
        many(50, (i) => `n${i}.example`),
        'HOST-SUFFIX,a.example,Google',
        'host, b.example, proxy',
      ),
      'auto',
    ).slice(50),
  ).toEqual(rules.slice(0, 2))
})

test('cosmetic filters without a heading are AdBlock, and are skipped as such in a plain list too', () => {
  const cosmetic = ['lego.example##.ad', 'example.org#@#.cookie', 'google.example,google2.example###id']
  expect(detectFormat(utf8(lines(...cosmetic)))).toBe('adblock')
  for (const format of ['adblock', 'plain'] as const)
    expect(rulesOf(lines(...cosmetic), format)).toEqual(cosmetic.map((line) => `skip cosmetic-rule ${line}`))
})

describe('binary', () => {
  test.each([
    ['NUL octets', [0x61, 0x2e, 0x62, 0x0a, 0x00, 0x0a], 'octet 4 is NUL'],
    ['broken UTF-8', [0x61, 0x0a, 0xff, 0xfe, 0x2e, 0x62, 0x0a], 'line 2: octet 0xff is no UTF-8'],
    ['a database', [...utf8('SQLite format 3'), 0], 'a SQLite database'],
  ])('%s refuse the list', (_what, octets, message) => {
    for (const format of ['auto', 'plain', 'hosts', 'adblock'] as const)
      expect(() => collect([Uint8Array.from(octets)], format)).toThrow(message)
  })

  test('random octets are refused', () => {
    let seed = 7
    const octets = Uint8Array.from({ length: 2000 }, () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >>> 16)
    for (const format of ['auto', 'plain'] as const) expect(() => collect([octets], format)).toThrow(/NUL|UTF-8/)
  })

  test('octets of Latin-1 in a comment harm nothing', () => {
    const octets = Uint8Array.from([...utf8('# caf'), 0xe9, ...utf8('\na.example # caf'), 0xe9, 0x0a])
    expect(collect([octets], 'auto').entries).toEqual(['2 suffix a.example'])
  })
})

test('dlc.dat_plain.yml: the chosen lists, by attribute', () => {
  const list = lines(
    'lists:',
    '  - name: GOOGLE',
    '    length: 3',
    '    rules:',
    '      - "domain:a.example"',
    '      - "full:b.example:@cn,@ads"',
    '      - "regexp:^c\\\\.example[0-9]$"',
    '  - name: OTHER',
    '    length: 1',
    '    rules:',
    '      - "domain:other.example"',
  )
  expect(detectFormat(utf8(list))).toBe('geosite-yaml')
  expect(rulesOf(list, 'auto', { sites: ['google'] })).toEqual([
    'suffix a.example',
    'exact b.example',
    'regexp ^c\\.example[0-9]$',
  ])
  expect(rulesOf(list, 'auto', { sites: ['google@cn', 'gone'] })).toEqual(['exact b.example', 'skip site-not-found gone'])
  expect(() => rulesOf(list, 'auto')).toThrow('the file holds 2 lists; say which by sites, such as google, other')
})

test('domain sets of Surge: a dot adds the subdomains', () => {
  const list = lines('# set', '.a.example', '.b.example', 'c.example')
  expect(rulesOf(list, 'auto')).toEqual(['suffix a.example', 'suffix b.example', 'exact c.example'])
  expect(detectFormat(utf8(lines('.a.example', 'c.example', 'd.example')))).toBe('plain')
})

test('dnscrypt-proxy: patterns, and timed rules are skipped', () => {
  const list = lines('ads.*', '*tracker*', 'a.example', '=b.example', '*.c.example', 'ads[0-9]?.d.example', '*x* @work')
  expect(rulesOf(list, 'auto')).toEqual([
    'regexp ^ads\\.',
    'keyword tracker',
    'suffix a.example',
    'exact b.example',
    'suffix c.example',
    'regexp ^ads[0-9].\\.d\\.example$',
    'skip timed-rule *x* @work',
  ])
})

test('smartdns: domains, exceptions, settings', () => {
  const list = lines(
    'address /a.example/#',
    'address /ok.a.example/-',
    'nameserver /b.example/group',
    'domain-rules /c.example/ -ipset x -address #6',
    'domain-rules /ok.c.example/ -address -',
    'address /-.d.example/#',
    'address /*.e.example/#',
    'address /domain-set:ad/#',
    'address /./#',
    'server 192.0.2.1 -group x',
  )
  expect(rulesOf(list, 'auto')).toEqual([
    'suffix a.example',
    '@@suffix ok.a.example',
    'suffix b.example',
    'suffix c.example',
    '@@suffix ok.c.example',
    'exact d.example',
    'subdomains e.example',
    'skip unsupported-pattern address /domain-set:ad/#',
    'skip too-broad address /./#',
    'skip unsupported-directive server 192.0.2.1 -group x',
  ])
})

test('Unbound: zones, exceptions, local data, forwarding', () => {
  const list = lines(
    'server:',
    '    local-zone: "a.example" always_nxdomain',
    '    local-zone: "ok.a.example." always_transparent # comment',
    '    local-data: "b.example A 192.0.2.1"',
    '    local-zone: "." refuse',
    '    interface: 192.0.2.1',
    'forward-zone:',
    '    name: "c.example."',
    '    forward-addr: 192.0.2.1',
  )
  expect(rulesOf(list, 'auto')).toEqual([
    'suffix a.example',
    '@@suffix ok.a.example',
    'exact b.example',
    'skip too-broad local-zone: "." refuse',
    'skip unsupported-directive interface: 192.0.2.1',
    'suffix c.example',
  ])
})

test('shadowsocks ACL: the proxied section; expressions that say one name cost no expression', () => {
  const list = lines(
    '[bypass_all]',
    '[proxy_list]',
    '(?:^|\\.)a\\.example$',
    '(^|\\.)b\\.example$',
    '||c.example',
    '|d.example',
    '192.0.2.0/24',
    '^ad[0-9]+\\.',
    '[bypass_list]',
    '||e.example',
  )
  expect(rulesOf(list, 'auto')).toEqual([
    'suffix a.example',
    'suffix b.example',
    'suffix c.example',
    'exact d.example',
    'address 192.0.2.0/24',
    'regexp ^ad[0-9]+\\.',
    'skip other-section ||e.example',
  ])
})

test('RouterOS without the slash, with names below, and address lists', () => {
  const list = lines(
    'ip dns static add address=240.0.0.1 name=one.test',
    'ip dns static add address=240.0.0.1 name=two.test match-subdomain=yes',
    'ip dns static add address=240.0.0.1 name=*.ua',
    '/ip firewall address-list',
    'add list=vpn address=192.0.2.0/24',
    'add list=vpn address=three.test',
    'add list=vpn address=192.0.2.1-192.0.2.9',
  )
  expect(rulesOf(list, 'auto')).toEqual([
    'exact one.test',
    'suffix two.test',
    'subdomains ua',
    'address 192.0.2.0/24',
    'exact three.test',
    'skip address-range add list=vpn address=192.0.2.1-192.0.2.9',
  ])
  expect(
    rulesOf(
      lines(
        many(50, (i) => `n${i}.example`),
        'ip dns static add address=240.0.0.1 name=one.test',
      ),
      'auto',
    )[50],
  ).toMatch(/^skip /)
})

test('commands of no known program are refused, and never a plain list', () => {
  expect(() => rulesOf(lines('set name=a.example', 'set name=b.example', 'c.example'), 'auto')).toThrow(
    'commands or settings of no format',
  )
  expect(() => rulesOf(lines('function f(x) {', 'return x;', '}'), 'auto')).toThrow('commands or settings')
})

test('JSON with comments', () => {
  const list = '// one\n/* two\n { */\n{ "version": 1, # three\n "rules": [ { "domain": [ /* four */ "a.example" ] } ] } // five'
  expect(detectFormat(utf8(list))).toBe('sing-box')
  expect(rulesOf(list, 'auto')).toEqual(['exact a.example'])
  expect(() => rulesOf('{ "rules": [] /* open', 'sing-box')).toThrow('ends in the middle')
  expect(() => rulesOf('{ / }', 'sing-box')).toThrow('"/" where JSON')
})

describe('AdBlock', () => {
  test('$badfilter switches its rule off, before or behind it', () => {
    const list = lines(
      '||a.example^$badfilter',
      '||a.example^',
      '||b.example^$important',
      '||c.example^',
      '||b.example^$badfilter,important',
      '@@||c.example^',
    )
    expect(rulesOf(list, 'auto').filter((rule) => !rule.startsWith('skip'))).toEqual(['suffix c.example', '@@suffix c.example'])
  })

  test.each([
    ['||a.example^$denyallow=ok.a.example|else.example', ['suffix a.example', '@@suffix ok.a.example']],
    ['||a.example^$denyallow=a.example', ['skip unsupported-modifier ||a.example^$denyallow=a.example']],
    ['/x[0-9]/$denyallow=a.example', ['skip unsupported-modifier /x[0-9]/$denyallow=a.example']],
    ['||x.test/*', ['suffix x.test']],
    ['||x.test/', ['suffix x.test']],
    ['http://x.test^', ['exact x.test']],
    ['://x.test^', ['exact x.test']],
    ['|https://x.test/', ['exact x.test']],
    ['*://*.x.test/*', ['subdomains x.test']],
    ['@@://x.test^', ['@@exact x.test']],
    ['http://x.test/path', ['skip url http://x.test/path']],
    ['||x.test/path', ['skip unsupported-pattern ||x.test/path']],
    ['||x.test:80^', ['skip unsupported-pattern ||x.test:80^']],
    ['||t.co', ['suffix t.co']],
    ['||ads.', ['regexp (?:^|\\.)ads\\.']],
    ['0 x.test', ['exact x.test']],
  ])('%s', (line, rules) => expect(rulesOf(line, 'adblock')).toEqual(rules))

  test('names without `^` are no expressions, however many, and their exceptions stay', () => {
    const { summary } = collect(
      [
        utf8(
          lines(
            many(3000, (i) => `||n${i}.example`),
            '@@||n5.example',
          ),
        ),
      ],
      'auto',
    )
    expect(summary.rules).toMatchObject({ suffix: 3001, regexp: 0 })
    expect(summary.exceptions).toBe(1)
  })
})

describe('sing-box: these but those', () => {
  const rule = (...rules: object[]) => JSON.stringify({ version: 3, rules: [{ type: 'logical', mode: 'and', rules }] })
  test('names below become exceptions, others except nothing', () => {
    const but = { domain: ['ok.a.example', 'else.example'], domain_suffix: ['fine.a.example'], invert: true }
    expect(rulesOf(rule({ domain_suffix: ['a.example'] }, but), 'auto')).toEqual([
      'suffix a.example',
      '@@exact ok.a.example',
      '@@suffix fine.a.example',
    ])
  })
  test.each([
    ['two parts of names', rule({ domain: ['a.example'] }, { domain: ['b.example'] })],
    ['a keyword that excepts', rule({ domain_suffix: ['a.example'] }, { domain_keyword: ['x'], invert: true })],
    ['an exception that is wider', rule({ domain: ['a.b.example'] }, { domain_suffix: ['b.example'], invert: true })],
    ['addresses', rule({ domain: ['a.example'], ip_cidr: ['192.0.2.0/24'] }, { domain: ['b.example'], invert: true })],
    ['nothing but exceptions', rule({ domain: ['a.example'], invert: true })],
    ['another condition', rule({ domain: ['a.example'] }, { port: [1], invert: true })],
  ])('%s: the rule is skipped', (_what, json) => {
    expect(rulesOf(json, 'auto')).toEqual([expect.stringMatching(/^skip unsupported-condition /)])
  })
})

test('hosts: 0 is an address, also among names', () => {
  expect(rulesOf(lines('0 a.example', '0 b.example'), 'auto')).toEqual(['exact a.example', 'exact b.example'])
  expect(rulesOf(lines('c.example', 'd.example', 'e.example', '0 a.example', '0.0.0.0 b.example'), 'auto').slice(3)).toEqual([
    'exact a.example',
    'exact b.example',
  ])
})

test('a public suffix is taken with a warning', () => {
  const notes: string[] = []
  const list = 'com\nco.uk\nexample.co.uk\n=net\n!org\n.ua\n'
  const { summary } = collect([utf8(list)], 'plain', {}, (note, line, text) => notes.push(`${line} ${note} ${text}`))
  expect(notes).toEqual(['1 public-suffix com', '2 public-suffix co.uk', '6 public-suffix ua'])
  expect(summary.notes).toEqual({ 'public-suffix': 3 })
})
