/**
 * Checks a configuration and its lists: mistakes, the lists that would be loaded, and what would change in an instance that runs by it.
 * Exit code 0: the program would start, with all its lists as they are; 2: the configuration has mistakes; 1: it would not start, or a list cannot be
 * had or would not be taken.
 *
 * It may run beside the instance, as root: it looks and writes nothing. URLs are asked, as the instance would ask them.
 */
import { ADMIN_API, type ProgramName } from '@dnstap-bgp/admin-api'
import { AdminClientError } from '@dnstap-bgp/admin-client'
import { UsageError } from '@dnstap-bgp/program'
import { loadConfig, PROGRAM_NEEDS, type Config } from '@dnstap-bgp/config'
import { storeAt, StoreFileError } from '@dnstap-bgp/ip-store-file'
import { describeListenAddress } from '@dnstap-bgp/net'
import { ListsError } from '@dnstap-bgp/list-loader'
import { listRow, type RunningLists } from '@dnstap-bgp/lists-service'
import { existsSync } from 'node:fs'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { dirname, resolve } from 'node:path'
import { defineCommand } from '../command.ts'
import { describePreview } from '../describe-preview.ts'
import { exposures } from '../exposures.ts'
import { lookAtLists } from '../look-at-lists.ts'
import { CONFIG, configOf, JSON_ANSWER } from '../options.ts'
import { print } from '../print.ts'
import { runningInstance } from '../running-instance.ts'
import { checkList } from './check-list.ts'

export const check = defineCommand({
  name: 'check',
  help: [
    {
      form: '[--service NAME]',
      does: ['what is wrong with the configuration, what its lists would load, what would change'],
    },
    {
      form: '--list FILE|URL [--format F] [--capture CAPTURE]',
      does: [
        'what a file would be as a list, without a configuration: format, counts, what is',
        "skipped, its widest rules, and what it catches of a capture's names",
      ],
    },
  ],
  options: {
    ...CONFIG,
    service: { type: 'string' },
    list: { type: 'string' },
    format: { type: 'string' },
    capture: { type: 'string' },
    ...JSON_ANSWER,
  },
  subjects: 'none',
  async run({ service, list: source, format, capture, json = false, ...values }) {
    const config = configOf(values)
    if (source !== undefined) {
      if (service !== undefined) throw new UsageError('--service is for check without --list')
      return await checkList({ source, format, capture, config, json })
    }
    for (const [option, value] of Object.entries({ format, capture }))
      if (value !== undefined) throw new UsageError(`--${option} is for check --list`)
    return await checkConfiguration(config, service, json)
  },
})

async function checkConfiguration(configFile: string, service: string | undefined, json: boolean): Promise<number> {
  const program = programOf(service)
  const needs: readonly string[] = PROGRAM_NEEDS[program]
  const config: Config = loadConfig(configFile, process.env, { needs: PROGRAM_NEEDS[program] })
  const store = program === 'all-in-one' ? lookAtStore(config) : { problems: [], warnings: [] }
  const warnings = [
    ...config.warnings,
    ...missingFolders(config, program),
    ...missingAddresses(config, needs),
    ...exposures(config, needs),
    ...store.warnings,
  ]
  const problems = [...store.problems]
  let lists: RunningLists | undefined
  try {
    if (needs.includes('lists')) lists = await lookAtLists(config, true)
    await lists?.close()
  } catch (error) {
    if (!(error instanceof ListsError)) throw error
    problems.push(error.message)
  }
  if (problems.length > 0) {
    const configuration = `${config.fileName} for ${program}`
    print('check', { configuration, 'it would not start': problems.join('; '), warnings }, json)
    return 1
  }
  const loaded = lists?.loaded.lists ?? []
  const troubled = loaded.filter(({ state }) => state !== 'fresh')
  const answer = {
    configuration: `${config.fileName} is sound for ${program}`,
    warnings: [
      ...warnings,
      ...addressesNotRouted(config, loaded),
      ...loaded.flatMap((list) => list.warnings.map((warning) => `list "${list.name}": ${warning}`)),
    ],
    dnstap: config.dnstap?.listen.map(describeListenAddress) ?? [],
    'BGP peers': config.bgp?.peers.map((peer) => `${peer.name} (AS ${peer.asn})`) ?? [],
    lists: loaded.map((list) => {
      const row = listRow(list) as Record<string, unknown>
      return json
        ? row
        : {
            name: row['name'],
            state: row['state'],
            format: row['format'],
            names: row['names'],
            rules: row['rules'],
            addresses: row['addresses'],
            skipped: row['skipped'],
          }
    }),
    'not taken as they are': troubled.map(({ name, state, why }) => `${name} would be ${state}: ${why ?? ''}`),
    skipped: loaded.flatMap((list) =>
      list.skippedLines.slice(0, 5).map((line) => `${list.name}:${line.line}: ${line.reason}: ${line.text}`),
    ),
    'in the running instance': await inTheRunningInstance(configFile, needs.includes('lists')),
  }
  print('check', answer, json)
  return troubled.length > 0 ? 1 : 0
}

function programOf(service: string | undefined): ProgramName {
  if (service === undefined) return 'all-in-one'
  const names = Object.keys(PROGRAM_NEEDS) as ProgramName[]
  const found = names.find((name) => name === service)
  if (found === undefined) throw new UsageError(`There is no service "${service}"; there are ${names.join(', ')}`)
  return found
}

/** Reads the heads of the embedded store's files. A damaged store of ours is a warning: its routes are lost. A foreign file prevents the start. */
function lookAtStore({ store }: Config): { readonly problems: string[]; readonly warnings: string[] } {
  try {
    if (store.kind === 'file') storeAt(store.path).close()
    return { problems: [], warnings: [] }
  } catch (error) {
    if (!(error instanceof StoreFileError)) throw error
    const isOurs = error.fault === 'damaged' || error.fault === 'newer'
    return isOurs
      ? { problems: [], warnings: [`${error.message}; until then everything is kept in memory only`] }
      : { problems: [error.message], warnings: [] }
  }
}

/** Not an error: systemd makes some of them when the program starts. */
function missingFolders({ dnstap, admin }: Config, program: ProgramName): string[] {
  const hasTap = program === 'all-in-one' || program === 'dnstap-ingest'
  const adminSocket =
    admin.socket === undefined || admin.socket.isDefault ? [] : [{ kind: 'unix' as const, path: admin.socket.path }]
  const sockets = [
    ...(hasTap ? (dnstap?.listen ?? []) : []),
    ...(admin.listen === undefined ? [] : [admin.listen]),
    ...adminSocket,
  ]
  return sockets.flatMap((listen) =>
    listen.kind === 'unix' && !existsSync(dirname(listen.path))
      ? [`the folder of ${listen.path} does not exist; it must when the program starts (systemd: RuntimeDirectory=)`]
      : [],
  )
}

/** Not an error either: an address may come with a failover. */
function missingAddresses({ dnstap, bgp, syncer, admin }: Config, needs: readonly string[]): string[] {
  const has = (part: string) => needs.includes(part) || needs.includes('alone')
  const listens = [
    ...(has('dnstap') ? (dnstap?.listen ?? []) : []),
    has('bgp') ? bgp?.listen : undefined,
    has('syncer') ? syncer?.listen : undefined,
    admin.listen,
  ]
  const here = new BlockList()
  for (const address of ['0.0.0.0', '::']) here.addAddress(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  here.addSubnet('127.0.0.0', 8)
  for (const { address, family } of Object.values(networkInterfaces()).flatMap((one) => one ?? []))
    here.addAddress(address, family === 'IPv6' ? 'ipv6' : 'ipv4')
  return listens.flatMap((listen) => {
    if (listen?.kind !== 'tcp' || listen.host === undefined || isIP(listen.host) === 0) return []
    if (here.check(listen.host, isIPv6(listen.host) ? 'ipv6' : 'ipv4')) return []
    return [
      `this machine has no address ${listen.host} to listen on (${describeListenAddress(listen)}); it must when the program starts`,
    ]
  })
}

function addressesNotRouted({ lists }: Config, loaded: RunningLists['loaded']['lists']): string[] {
  return loaded
    .filter(({ name, addresses }) => addresses > 0 && lists.some((list) => list.name === name && !list.addresses))
    .map(({ name, addresses }) => `the addresses in list "${name}" (${addresses}) are not routed: it lacks addresses = true`)
}

/** A sentence, whatever came of asking. */
async function inTheRunningInstance(configFile: string, hasLists: boolean): Promise<string> {
  if (!hasLists) return 'it holds no lists'
  try {
    const preview = await runningInstance({ config: configFile }).call(ADMIN_API.previewLists)
    return describePreview(preview, resolve(configFile))
  } catch (error) {
    if (!(error instanceof AdminClientError)) throw error
    return error.fault === 'nobody' ? 'none answers' : `it cannot be told: ${error.message}`
  }
}
