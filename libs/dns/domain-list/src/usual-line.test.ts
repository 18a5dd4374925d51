/** The fast reading of usual lines gives what the full reading gives, on lines made and mutated by chance. */
import { expect, test } from 'vitest'
import { AdblockFormat } from './adblock.ts'
import { DnsmasqFormat } from './dnsmasq.ts'
import type { LineFormat } from './format-reader.ts'
import { HostsFormat } from './hosts.ts'
import { PlainFormat } from './plain.ts'
import { RouterosFormat } from './routeros.ts'
import { RuleEmitter } from './rule-emitter.ts'
import type { ListMatch } from './rule.ts'
import { badUtf8At } from './utf8.ts'
import { V2flyFormat } from './v2fly.ts'

const FORMATS: Readonly<Record<string, { make: (emitter: RuleEmitter) => LineFormat; lines: readonly string[] }>> = {
  plain: {
    make: (emitter) => new PlainFormat(emitter, {}, 4096),
    lines: ['example.com', '*.example.com # why', '.co.uk', '  a.example\t', '# comment', '##.ad', 'a.b # коммент', '!x.example'],
  },
  hosts: {
    make: (emitter) => new HostsFormat(emitter),
    lines: [
      '0.0.0.0 a.example',
      '0.0.0.0 b.example # x',
      '0.0.0.0 localhost',
      '127.0.0.1 c.example d.example',
      '0.0.0.0 192.0.2.1',
    ],
  },
  dnsmasq: {
    make: (emitter) => new DnsmasqFormat(emitter),
    lines: [
      'server=/a.example/192.0.2.53',
      'server=/a.example/192.0.2.53#5353',
      'address=/b.example/c.example/ # x',
      'server=/d.example/#',
      'local=/e.example/',
      'nftset=/f.example/4#inet#fw#set',
      '--ipset=/*.g.example/set',
      'server=/h.example/ # comment',
      'server=/com/192.0.2.53',
    ],
  },
  adblock: {
    make: (emitter) => new AdblockFormat(emitter, new Set()),
    lines: [
      '||a.example^',
      '||a.example^$important',
      '@@||b.example^',
      '||192.0.2.1^',
      '||c.example.^',
      '! x',
      '##.ad',
      '||com^',
    ],
  },
  v2fly: {
    make: (emitter) => new V2flyFormat(emitter, {}, 4096),
    lines: [
      'a.example',
      'full:a.example @cn',
      'domain:b.example @ads @-x &other',
      'full:c.example:@cn,@ads',
      'keyword:ad # @x',
      'regexp:^ad[0-9]+\\.',
      'd.example\t@cn#x',
      'include:none @cn',
    ],
  },
  routeros: {
    make: (emitter) => new RouterosFormat(emitter, 4096),
    lines: [
      'add name=a.example match-subdomain=yes type=FWD forward-to=192.0.2.53',
      'add address=192.0.2.1 name=b.example ttl=1d',
      'add comment="a \\"b\\"" disabled=yes name=c.example',
      'add name=d.example \\',
      '    match-subdomain=no',
      'add list=vpn address=192.0.2.0/24',
      'add regexp="(^|\\\\.)e\\\\.example\\$"',
      ':do { add name=f.example } on-error={}',
      '/ip firewall address-list',
      '/ip dns static add name=g.example',
      // Often, because a line of another menu ends the usual ones.
      ...Array.from({ length: 8 }, () => '/ip dns static'),
      ...Array.from({ length: 8 }, () => 'add match-subdomain=yes name=j.example type=FWD'),
      'add name=*.h.example name=i.example',
    ],
  },
}

/** Numbers that are the same in each run (xorshift32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const PIECES = [
  '.',
  ' ',
  '#',
  '/',
  '=',
  '@',
  '&',
  '\\',
  '"',
  '{',
  '}',
  '*',
  ':',
  '\t',
  '\u000b',
  '-',
  'A',
  'é',
  '\u00a0',
  'yes',
  '^',
  '|',
  'a.b',
]

function mutated(line: string, random: (below: number) => number): Uint8Array {
  let text = line
  for (let changes = random(4); changes > 0; changes--) {
    const at = random(text.length + 1)
    const cut = random(3) === 0 ? random(4) : 0
    text = text.slice(0, at) + (random(4) === 0 ? '' : (PIECES[random(PIECES.length)] ?? '')) + text.slice(at + cut)
  }
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > 0 && random(50) === 0) bytes[random(bytes.length)] = random(256)
  return bytes
}

function reader(make: (emitter: RuleEmitter) => LineFormat, match: ListMatch) {
  const events: unknown[][] = []
  const emitter = new RuleEmitter(
    {
      rule: (...rule) => events.push(['rule', ...rule]),
      address: (...address) => events.push(['address', ...address]),
      skip: (...skip) => events.push(['skip', ...skip]),
      note: (...note) => events.push(['note', ...note]),
      exceptionSkipped: (...skipped) => events.push(['exceptionSkipped', ...skipped]),
    },
    match,
  )
  return { events, emitter, format: make(emitter) }
}

test.each(Object.entries(FORMATS))(
  '%s: rules, skips and reasons are the same with and without the fast reading',
  (name, { make, lines }) => {
    const random = randomOf(0x5eed + name.length)
    let usual = 0
    for (const match of ['auto', 'exact', 'suffix'] as const) {
      const fast = reader(make, match)
      const full = reader(make, match)
      for (let number = 1; number <= 10_000; number++) {
        const bytes = mutated(lines[random(lines.length)] ?? '', random)
        for (const { emitter } of [fast, full]) {
          emitter.line = number
          emitter.beginItem()
        }
        if (fast.format.usualLine?.(bytes, 0, bytes.length) === true) {
          usual++
          if (badUtf8At(bytes, 0, bytes.length) >= 0) throw new Error(`line ${number} is no UTF-8`)
        } else fast.format.line(bytes, 0, bytes.length)
        full.format.line(bytes, 0, bytes.length)
        if (fast.events.length !== full.events.length || number % 500 === 0) {
          expect(fast.events, new TextDecoder().decode(bytes)).toEqual(full.events)
          fast.events.length = full.events.length = 0
        }
      }
      for (const { format } of [fast, full]) format.end?.()
      expect(fast.emitter.summary('plain')).toEqual(full.emitter.summary('plain'))
    }
    expect(usual).toBeGreaterThan(1000) // else this test shows nothing
  },
)
