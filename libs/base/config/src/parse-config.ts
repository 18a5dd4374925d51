/**
 * From the text of a configuration file and the environment to a checked Config, or to every mistake at once.
 *
 * The programs call it at start and for a reload, the command line to check a file. Each table has a file of its own (*-table.ts); this one
 * puts them together. It opens no file but the configuration and the files that hold secrets.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseAdmin } from './admin-table.ts'
import { parseBgp } from './bgp-table.ts'
import { parseBus } from './bus-table.ts'
import type { Config, ConfigWith, Part } from './config.ts'
import type { Context, Environment } from './context.ts'
import { DEFAULTS } from './defaults.ts'
import { parseDnstap } from './dnstap-table.ts'
import { parseLimits, parseLog, parseNever } from './limits-table.ts'
import { parseLists, parseListState } from './list-tables.ts'
import { ConfigError } from './mistakes.ts'
import { reportNeeds, reportSharedPort } from './needs.ts'
import { parseResolvers } from './resolver-tables.ts'
import { Reading, Section } from './section.ts'
import { parseStore } from './store-table.ts'
import { parseSyncer } from './syncer-table.ts'
import { readTree } from './toml-tree.ts'
import { boolean } from './values.ts'

export interface ParseOptions<Needed extends Part> {
  /** Tables that must be there; every other table that the file lacks is undefined in `Config`. */
  readonly needs?: readonly Needed[]
}

/** Reads the file. @throws ConfigError with all mistakes, or with the one that the file cannot be read */
export function loadConfig<const Needed extends Part = never>(
  fileName: string,
  environment: Environment,
  options: ParseOptions<Needed> = {},
): ConfigWith<Needed> {
  let file: string
  try {
    file = readFileSync(fileName, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const seen =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'we may not read it'
          : code === 'EISDIR'
            ? 'it is a folder'
            : String(error)
    throw new ConfigError(fileName, [{ key: '', seen, expected: 'a configuration file' }], { cause: error })
  }
  return parseConfig(file, fileName, environment, options)
}

/** @throws ConfigError with all mistakes */
export function parseConfig<const Needed extends Part = never>(
  fileText: string,
  fileName: string,
  environment: Environment,
  { needs = [] }: ParseOptions<Needed> = {},
): ConfigWith<Needed> {
  const { config, reading } = readConfig(fileText, fileName, environment)
  reportNeeds(config, needs, reading)
  reportSharedPort(config, needs, reading)
  if (reading.mistakes.length > 0) throw new ConfigError(fileName, inFileOrder(reading.mistakes))
  // Had a table been missing, the error above would have been thrown.
  return config as ConfigWith<Needed>
}

/** The configuration as far as it can be read, with the mistakes and warnings in it. */
export function readConfig(fileText: string, fileName: string, environment: Environment): { config: Config; reading: Reading } {
  const tree = readTree(fileText)
  const reading = new Reading(environment, tree.mistakes, tree.incomplete)
  const root = new Section(reading, { title: '', variables: [] }, tree.root)
  const context: Context = { folder: dirname(resolve(fileName)), reading, environment }
  const ipv6 = root.get('ipv6', boolean, DEFAULTS.ipv6)
  const lists = parseLists(root, context)
  const config = {
    fileName,
    warnings: reading.warnings,
    ipv6,
    lists,
    listState: parseListState(root.table('lists'), context),
    limits: parseLimits(root.table('limits')),
    never: parseNever(root.table('never')),
    dnstap: parseDnstap(root.table('dnstap'), context),
    resolvers: parseResolvers(root),
    bgp: parseBgp(root.table('bgp'), { ...context, ipv6, lists }),
    syncer: parseSyncer(root.table('syncer'), context),
    bus: parseBus(root.table('bus'), context),
    store: parseStore(root, context),
    admin: parseAdmin(root.table('admin'), context),
    log: parseLog(root.table('log')),
  }
  root.advise(
    'namespace',
    'was removed: start the service inside the namespace (systemd: NetworkNamespacePath=; otherwise: ip netns exec)',
  )
  root.done()
  reading.reportUnknownKeys()
  reading.warnOfUnknownVariables()
  const secretFiles = [...reading.secretFiles].map((file) => file ?? fileName)
  return { config: { ...config, secretFiles }, reading }
}

function inFileOrder<T extends { readonly line?: number }>(mistakes: readonly T[]): T[] {
  return [...mistakes].sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || 0)
}
