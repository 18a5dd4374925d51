/**
 * `dnstap-bgp resolver-config dnsdist [--hold 10ms]`: prints the lines for a dnsdist in front of a resolver, by the configuration of the
 * program that it reports to.
 *
 * The names are in a file that dnsdist follows (`[lists] namesFile`): the running program keeps it current. When it is not there yet, it is
 * written here, because dnsdist does not start without it.
 */
import { loadConfig, parseDuration, type Config } from '@dnstap-bgp/config'
import { writeNames } from '@dnstap-bgp/lists-service'
import { UsageError } from '@dnstap-bgp/program'
import { existsSync } from 'node:fs'
import { defineCommand } from '../command.ts'
import { lookAtLists } from '../look-at-lists.ts'
import { CONFIG, configOf } from '../options.ts'
import { complain, say } from '../output.ts'

const MAX_HOLD_MS = 1000
const IDENTITY = /^[A-Za-z0-9_.-]{1,64}$/

export const resolverConfig = defineCommand({
  name: 'resolver-config',
  help: [
    {
      form: 'dnsdist [--hold 10ms] [--identity NAME]',
      does: [
        'print the lines for a dnsdist that reports answers for listed names, and with --hold',
        'gives them to clients that much later, when they are routed',
      ],
    },
  ],
  options: { ...CONFIG, hold: { type: 'string' }, identity: { type: 'string' } },
  subjects: 'one resolver: dnsdist',
  run: async (values, [resolver]) => {
    if (resolver !== 'dnsdist') throw new UsageError(`resolver-config knows dnsdist, not "${resolver}"`)
    const holdMs = values.hold === undefined ? undefined : holdOf(values.hold)
    const identity = values.identity ?? 'dnsdist'
    if (!IDENTITY.test(identity)) throw new UsageError('--identity takes letters, digits and . _ -, at most 64')
    const config = loadConfig(configOf(values), process.env, { needs: ['lists', 'dnstap'] })
    const socket = config.dnstap.listen.find((one) => one.kind === 'unix')?.path
    const { namesFile } = config
    if (socket === undefined) throw new UsageError('resolver-config needs a UNIX socket among [dnstap] listen')
    if (namesFile === undefined)
      throw new UsageError(
        'resolver-config needs [lists] namesFile, a path that dnsdist can read, such as "/var/lib/dnstap-bgp/names.cdb"',
      )
    if (!existsSync(namesFile)) await writeFirst(config, namesFile)
    say(dnsdistLines({ namesFile, socket, identity, holdMs }))
    return 0
  },
})

async function writeFirst(config: Pick<Config, 'lists' | 'listState' | 'store' | 'namesFile'>, path: string): Promise<void> {
  const lists = await lookAtLists(config, false)
  try {
    const names = await writeNames(path, lists.names.matcher)
    complain(`${path} is written with ${names} names. The running program keeps it current.`)
  } finally {
    await lists.close()
  }
}

function holdOf(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || !Number.isInteger(ms) || ms < 1 || ms > MAX_HOLD_MS)
    throw new UsageError(`--hold takes whole milliseconds from 1ms to ${MAX_HOLD_MS}ms, such as 10ms`)
  return ms
}

interface DnsdistOptions {
  readonly namesFile: string
  readonly socket: string
  readonly identity: string
  readonly holdMs: number | undefined
}

export function dnsdistLines({ namesFile, socket, identity, holdMs }: DnsdistOptions): string {
  const lines = [
    `-- For dnsdist 1.7, made by: dnstap-bgp resolver-config dnsdist${holdMs === undefined ? '' : ` --hold ${holdMs}ms`}`,
    '-- Save it, and load it at the end of dnsdist.conf: dofile("/etc/dnsdist/dnstap-bgp.lua")',
    '--',
    '-- Answers for listed names are reported to dnstap-bgp. Those from the cache of dnsdist are not. dnstap-bgp keeps the file of names current,',
    '-- and dnsdist looks for a new one each second.',
    `local names = newCDBKVStore(${luaString(namesFile)}, 1)`,
    'local listed = KeyValueStoreLookupRule(names, KeyValueLookupKeySuffix(0, true))',
    'local options = { bufferHint = 1024, flushTimeout = 1, inputQueueSize = 512, outputQueueSize = 2, queueNotifyThreshold = 510 }',
    '-- A logger keeps a frame that comes alone for a second, and sends three at once. A second logger makes up for a wake-up that the first one loses.',
    'for _ = 1, 2 do',
    `  local logger = newFrameStreamUnixLogger(${luaString(socket)}, options)`,
    `  for _ = 1, 3 do addResponseAction(listed, DnstapLogResponseAction(${luaString(identity)}, logger)) end`,
    'end',
  ]
  if (holdMs !== undefined)
    lines.push(
      `-- The client gets the answer ${holdMs} ms later: the route is there first. By UDP only; an answer by TCP is not delayed.`,
      `addResponseAction(listed, DelayResponseAction(${holdMs}))`,
    )
  return lines.join('\n')
}

/** Octets that are not plain become `\DDD`. */
function luaString(text: string): string {
  const octets = [...Buffer.from(text)].map((octet) =>
    octet < 0x20 || octet > 0x7e || octet === 0x22 || octet === 0x5c
      ? `\\${String(octet).padStart(3, '0')}`
      : String.fromCharCode(octet),
  )
  return `"${octets.join('')}"`
}
