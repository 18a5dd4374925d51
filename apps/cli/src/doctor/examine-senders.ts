/** Do resolvers report, do they report the right messages, and are their clocks right? */
import type { ADMIN_API, ReplyOf } from '@dnstap-bgp/admin-api'
import { ok, problem, type Finding } from './finding.ts'

export type SendersReply = ReplyOf<typeof ADMIN_API.senders>

const ABOUT = 'resolvers'
const CLOCK_SECONDS = 5

/** `types`: the message types that count, of the configuration. */
export function examineSenders(senders: SendersReply, types: readonly string[]): Finding[] {
  const { connections, messages, resolvers } = senders
  const streaming = connections.filter(({ state }) => state === 'streaming')
  if (streaming.length === 0) return [] // why nobody is connected is found at the sockets
  const seen = Object.entries(messages).filter(([, count]) => count > 0)
  const wanted = seen.filter(([type]) => types.includes(type))
  return [
    ...(wanted.length > 0
      ? [ok(ABOUT, `${streaming.length} connected, and ${wanted.map(([type]) => type).join(', ')} arrive.`)]
      : [
          noAnswers(
            seen.map(([type]) => type),
            types,
          ),
        ]),
    ...streaming.flatMap(({ identity, peer, clockBehindSeconds }) =>
      clockBehindSeconds === null || Math.abs(clockBehindSeconds) < CLOCK_SECONDS
        ? []
        : [
            problem(
              ABOUT,
              `The clock of ${identity === '' ? peer : identity} is ${Math.abs(clockBehindSeconds)} s ${clockBehindSeconds > 0 ? 'behind' : 'ahead of'} ours. Its answers are dated by the difference; set the clock that is wrong.`,
              'timedatectl set-ntp true   # on the machine with the wrong clock',
            ),
          ],
    ),
    ...resolvers.flatMap(({ resolver, metronome, flushTargetMs, longDelayMs }) =>
      metronome === 'ok' || metronome === 'off' || metronome === 'starting'
        ? []
        : [ofMetronome(resolver, metronome, flushTargetMs, longDelayMs)],
    ),
  ]
}

function noAnswers(seen: readonly string[], types: readonly string[]): Finding {
  const what = seen.length === 0 ? 'no message yet' : `only ${seen.join(', ')}`
  if (types.includes('CLIENT_RESPONSE') && seen.includes('RESOLVER_RESPONSE') && !seen.includes('CLIENT_QUERY'))
    return problem(
      ABOUT,
      `A resolver is connected and sends ${what}: it reports what it was told, not what it told clients. PowerDNS Recursor can do no more; other resolvers can.`,
      '[dnstap]   # in our configuration, for PowerDNS Recursor alone',
      'types = ["RESOLVER_RESPONSE"]',
    )
  return problem(
    ABOUT,
    `A resolver is connected and sends ${what}; ${types.join(', ')} count. No routes are learnt.`,
    'dnstap-log-client-response-messages: yes   # unbound.conf, in dnstap:',
    'dnstap { client response; };               # named.conf, in options',
    'client = { log_responses = true }          -- kresd.conf, in modules.dnstap',
  )
}

function ofMetronome(resolver: string, state: string, targetMs: number | null, longMs: number | null): Finding {
  if (state === 'no-answer')
    return problem(
      ABOUT,
      `${resolver} does not answer our questions. It must let this host ask.`,
      'access-control: 127.0.0.0/8 allow   # unbound.conf, in server:',
      'allow-query { localhost; };          # named.conf, in options',
    )
  if (state === 'no-frames')
    return problem(
      ABOUT,
      `${resolver} answers our questions, and sends us no frames about them: it reports elsewhere, or there is NAT between us.`,
    )
  return problem(
    ABOUT,
    `Answers of ${resolver} wait up to ${longMs ?? '?'} ms, longer than flushTarget (${targetMs ?? '?'} ms). BIND needs the options for shorter delays.`,
    ...BIND_OPTIONS,
  )
}

/** As docs/resolvers.md has them. */
export const BIND_OPTIONS = [
  'fstrm-set-input-queue-size 512;          # named.conf, in options',
  'fstrm-set-output-notify-threshold 510;',
  'fstrm-set-output-queue-size 2;',
  'fstrm-set-buffer-hint 1024;',
  'fstrm-set-flush-timeout 1;',
]
