/** A real dnsmasq. Its usual server answers OPEN; the server that `server=/name/` lines send names to answers ELSEWHERE. */
import { Daemon, freePort, loopbackAddress } from '@dnstap-bgp/testkit'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askAll, type DnsServerAddress, type EngineAnswer } from './ask.ts'
import { nameBelow, type Dice, type Round } from './generate.ts'

export interface Dnsmasq extends DnsServerAddress {
  remove(): Promise<void>
}

const OPEN = [192, 0, 2, 1] as const
const ELSEWHERE = [192, 0, 2, 7] as const

/** Does a line of the list decide the name: denied, given an address, or sent to another server? */
export const isDirected = ({ address }: EngineAnswer): boolean => address !== OPEN.join('.')

/**
 * A domain has one line. `elsewhere` stands for the address of the other server. One round in four has `*name`, and no exceptions: those
 * are compared with `*name` in another way here (DIFFERENCES).
 */
export function directivesOf(dice: Dice, top: string): string[] {
  const hasEndings = dice.isOneOf(4)
  const directives = new Map<string, string>()
  for (let lines = 2 + dice.number(9); lines > 0; lines--) {
    const [key, target] = dice.pick(hasEndings ? FEEDS : DIRECTIVES)
    const domain = `${dice.pick(hasEndings ? ENDING_PREFIXES : PREFIXES)}${nameBelow(dice, top, 4)}`
    const domains = dice.isOneOf(4) ? [domain, nameBelow(dice, top, 4)] : [domain]
    for (const each of domains) directives.set(each.replace(/^\./, ''), `${key}=/${each}/${target}`)
  }
  const isBesideSubdomains = (line: string) => {
    const domain = /^(?:server|local)=\/\.?(.*)\/#$/.exec(line)?.[1]
    return domain !== undefined && directives.has(`*.${domain}`)
  }
  return [...directives.values()].filter((line) => !isBesideSubdomains(line))
}

type Directive = readonly [key: string, target: string]

const FEEDS: readonly [Directive, ...Directive[]] = [
  ['address', '192.0.2.9'],
  ['address', ''],
  ['server', ''],
  ['local', ''],
  ['server', 'elsewhere'],
]
const DIRECTIVES: readonly [Directive, ...Directive[]] = [...FEEDS, ['server', '#'], ['local', '#']]
const PREFIXES = ['', '', '', '.', '*.'] as const
const ENDING_PREFIXES = ['', '.', '*.', '*', '*'] as const

/** dnsmasq directs these names, and we do not: our exceptions win over what is equally specific, and over every `*name`. */
export const DIFFERENCES: readonly Round[] = [
  { lines: ['address=/*.d1/192.0.2.9', 'server=/d1/#'], names: ['a.d1', 'b.a.d1'] },
  { lines: ['address=/*ad.d2/192.0.2.9', 'server=/d2/#'], names: ['ad.d2', 'bad.d2'] },
  { lines: ['address=/d3/192.0.2.9', 'server=/d3/#'], names: ['d3', 'a.d3'] },
]

export async function startDnsmasq(directives: readonly string[]): Promise<Dnsmasq> {
  const usual = await startAnswering(OPEN)
  const elsewhere = await startAnswering(ELSEWHERE)
  const address = loopbackAddress()
  const server = { address, port: await freePort(address) }
  const configuration = [
    'no-resolv',
    'no-hosts',
    'no-daemon',
    'user=',
    'group=',
    'pid-file=',
    'cache-size=0',
    'bind-interfaces',
    'dns-forward-max=1000',
    `listen-address=${address}`,
    `port=${server.port}`,
    `server=127.0.0.1#${usual.address().port}`,
    ...directives.map((line) => line.replace(/elsewhere$/, `127.0.0.1#${elsewhere.address().port}`)),
  ]
  const daemon = await Daemon.start({
    name: 'dnsmasq',
    startTimeoutMs: 60_000,
    prepare(folder) {
      const file = join(folder, 'dnsmasq.conf')
      writeFileSync(file, `${configuration.join('\n')}\n`)
      return { command: 'dnsmasq', args: [`--conf-file=${file}`] }
    },
    ready: async () => (await askAll(server, ['ready'])).length > 0,
  })
  return {
    ...server,
    async remove() {
      await daemon.remove()
      usual.close()
      elsewhere.close()
    },
  }
}

/** A server that gives every name this one address. */
async function startAnswering(address: readonly number[]): Promise<Socket> {
  const socket = createSocket('udp4', (question, { port, address: asker }) => {
    const answer = Buffer.concat([
      question.subarray(0, endOfQuestion(question)),
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address]),
    ])
    answer.writeUInt16BE(0x8180, 2)
    answer.writeUInt16BE(1, 6) // one answer
    answer.writeUInt32BE(0, 8) // nothing else, EDNS neither
    socket.send(answer, port, asker)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

function endOfQuestion(message: Buffer): number {
  let at = 12
  while (message.readUInt8(at) > 0) at += 1 + message.readUInt8(at)
  return at + 5
}
