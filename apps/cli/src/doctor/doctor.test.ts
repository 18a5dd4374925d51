import { describe, expect, test } from 'vitest'
import { examineDisk, examineLists, examineNextHop, examineParts, examinePeers } from './examine-routing.ts'
import { examineSenders, type SendersReply } from './examine-senders.ts'
import { examineSockets, type Machine } from './examine-sockets.ts'
import { judgeDelays } from './judge-delays.ts'

const connection = {
  ...{ peer: '/run/dnstap.sock#1', listener: '/run/dnstap.sock', identity: 'ns1', version: 'unbound', frames: 10 },
  state: 'streaming' as const,
  clockBehindSeconds: 0,
}
const senders = (change: Partial<SendersReply> = {}): SendersReply => ({
  ...{ connections: [connection], identities: [], resolvers: [], messages: { CLIENT_RESPONSE: 10 } },
  ...change,
})
const types = ['CLIENT_RESPONSE']
const texts = (findings: readonly { kind: string; says: string; paste: readonly string[] }[]) =>
  findings.map(({ kind, says, paste }) => [kind, says, ...paste].join('\n'))

describe('resolvers', () => {
  test('one that reports answers is well', () => {
    expect(examineSenders(senders(), types)).toMatchObject([{ kind: 'ok' }])
  })

  test('Unbound without dnstap-log-client-response-messages', () => {
    const [text] = texts(examineSenders(senders({ messages: { CLIENT_QUERY: 20, CLIENT_RESPONSE: 0 } }), types))
    expect(text).toContain('only CLIENT_QUERY')
    expect(text).toContain('dnstap-log-client-response-messages: yes')
  })

  test('PowerDNS Recursor with the default types', () => {
    expect(texts(examineSenders(senders({ messages: { RESOLVER_RESPONSE: 20 } }), types))[0]).toContain(
      'types = ["RESOLVER_RESPONSE"]',
    )
  })

  test.each([
    [12, '12 s behind ours'],
    [-30, '30 s ahead of ours'],
  ])('a clock that is off by %i s', (clockBehindSeconds, says) => {
    const found = examineSenders(senders({ connections: [{ ...connection, clockBehindSeconds }] }), types)
    expect(found[1]).toMatchObject({ kind: 'problem', says: expect.stringContaining(says) as string })
  })

  test.each([
    ['no-answer', 'does not answer'],
    ['no-frames', 'sends us no frames'],
    ['slow', 'longer than flushTarget'],
  ] as const)('a metronome that is %s', (metronome, says) => {
    const row = { resolver: '127.0.0.1:53', kind: 'bind', flushTargetMs: 25, delayMs: 500, longDelayMs: 1000, warmNames: null }
    const resolvers = [{ ...row, metronome, warmLateMs: null, questions: 1, answers: 1 }]
    expect(examineSenders(senders({ resolvers }), types)[1]).toMatchObject({
      kind: 'problem',
      says: expect.stringContaining(says) as string,
    })
  })
})

describe('nobody is connected', () => {
  const PATH = '/run/dnstap-bgp/dnstap.sock'
  const machine = (mode: number, files: Record<string, string[]> = {}): Machine => ({
    stat: (path) =>
      path === PATH
        ? { mode, uid: 100, gid: 200, isSocket: true }
        : path === '/run/dnstap-bgp'
          ? { mode: 0o755, uid: 0, gid: 0, isSocket: false }
          : undefined,
    lines: (path) =>
      files[path] ??
      {
        '/etc/passwd': ['unbound:x:105:110::/:/x', 'bind:x:106:111::/:/x'],
        '/etc/group': ['dnstap-bgp:x:200:bind', 'unbound:x:110:'],
      }[path] ??
      [],
  })

  test('the user of a resolver may not write to the socket: the group to put it into', () => {
    expect(texts(examineSockets([PATH], true, machine(0o660)))).toEqual([
      expect.stringContaining(`usermod -aG dnstap-bgp unbound`),
    ])
    expect(texts(examineSockets([PATH], true, machine(0o600)))[0]).toContain('perm = "0660"')
    expect(examineSockets([PATH], false, machine(0o600))).toEqual([])
  })

  test('AppArmor', () => {
    const files = { '/sys/kernel/security/apparmor/profiles': ['named (enforce)'] }
    expect(texts(examineSockets([PATH], true, machine(0o666, files)))[0]).toContain(
      `${PATH} rw,   # /etc/apparmor.d/local/usr.sbin.named`,
    )
  })

  test('a temporary folder, a socket that is not there, and nothing to be found', () => {
    const anywhere = { ...machine(0o666), stat: () => ({ mode: 0o777, uid: 0, gid: 0, isSocket: true }) }
    expect(texts(examineSockets(['/tmp/dnstap.sock'], true, anywhere))[0]).toContain('PrivateTmp')
    expect(texts(examineSockets(['/run/other.sock'], true, machine(0o666)))[0]).toContain('not there')
    expect(texts(examineSockets([PATH], true, machine(0o666)))[0]).toContain('nothing here prevents it')
  })
})

describe('delays', () => {
  test.each([
    ['quick', [10, 20, 25, 30, 40], 'ok', ''],
    ['a batch of a second', [900, 1001, 1002, 1003, 1004], 'advice', 'flushTarget = "25ms"'],
    ['an untuned library', [1400, 1500, 1600, 1700, 1900], 'advice', 'fstrm-set-output-notify-threshold 510;'],
    ['a lost wake-up', [10, 12, 14, 20, 1003], 'problem', 'dnstap { client response; };'],
    ['silence', [undefined, undefined], 'problem', 'addCacheHitResponseAction'],
  ] as const)('%s', (_name, delays, kind, paste) => {
    const finding = judgeDelays('127.0.0.1:53', delays)
    expect(finding.kind).toBe(kind)
    expect(finding.paste.join('\n')).toContain(paste)
  })
})

describe('routing', () => {
  const peer = {
    name: 'r1',
    port: 179,
    asn: 1,
    localAsn: 1,
    passive: false,
    since: '2026-01-01T00:00:00Z',
    nextAttempt: null,
    isDamped: false,
  }
  const more = {
    tableSent: true,
    queued: 0,
    inFlightBytes: 0,
    suppressed: 0,
    adjRibOutBytes: 0,
    withheldCapabilities: [],
    counters: {},
  }
  const peerRow = (state: string, lastError: string | null = null) => ({
    ...peer,
    ...more,
    state,
    lastError,
    prefixesOut: { ipv4: 0, ipv6: 0 },
  })

  test('a session that is not there, with its last error; and no peer at all', () => {
    expect(texts(examinePeers([peerRow('Established'), peerRow('Active', 'refused')]))).toEqual([
      expect.stringContaining('1 of 2 sessions'),
      expect.stringContaining('no session with r1 (Active since 2026-01-01T00:00:00Z): refused'),
    ])
    expect(examinePeers([])).toMatchObject([{ kind: 'problem' }])
  })

  test('a next hop in no network of this machine', () => {
    expect(examineNextHop('192.0.2.1', true)).toMatchObject([{ kind: 'ok' }])
    expect(examineNextHop('192.0.2.1', false)).toMatchObject([{ kind: 'advice' }])
  })

  test('a stale list, a refused one and an empty one', () => {
    const list = {
      name: 'a',
      source: '/a',
      notKept: null,
      warnings: [],
      format: 'plain',
      names: 1,
      rules: 1,
      duplicates: 0,
      addresses: 0,
      skipped: {},
    }
    const times = { changed: '', checked: '', firstSkipped: [] }
    const row = (state: string, why: string | null, names = 1) => ({ ...list, ...times, state, why, names })
    expect(examineLists([row('fresh', null)])).toMatchObject([{ kind: 'ok' }])
    expect(texts(examineLists([row('stale', 'it is gone'), row('refused', 'it shrank'), row('fresh', null, 0)]))).toEqual([
      expect.stringContaining('List a is stale: it is gone'),
      expect.stringContaining('dnstap-bgp lists --accept a'),
      expect.stringContaining('is empty'),
    ])
  })

  test('parts that are not well, and another version', () => {
    const status = {
      program: 'all-in-one',
      version: '2.0.0',
      state: 'degraded' as const,
      ready: true,
      uptimeSeconds: 1,
      counts: {},
    }
    const parts = [{ name: 'store', state: 'degraded' as const, why: 'the disk is full', since: '' }]
    expect(texts(examineParts({ ...status, parts }, '2.0.1'))).toEqual([
      expect.stringContaining('store is degraded: the disk is full'),
      expect.stringContaining('systemctl restart'),
    ])
  })

  test('a full disk', () => {
    const MB = 1024 * 1024
    expect(examineDisk('/var', { freeBytes: 1 * MB, totalBytes: 1000 * MB })).toMatchObject([{ kind: 'problem' }])
    expect(examineDisk('/var', { freeBytes: 30 * MB, totalBytes: 1000 * MB })).toMatchObject([{ kind: 'ok' }])
    expect(examineDisk('/var', undefined)).toMatchObject([{ kind: 'problem' }])
  })
})
