/**
 * From the text of a configuration file and the environment to a checked Config, or to every mistake at once.
 *
 * The programs call it at start and for a reload, the command line to check a file. Each section has a file of its own (*-section.ts);
 * this one puts them together. It opens no file but the configuration and the files that hold secrets.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseAdmin } from './admin-section.ts'
import { parseBus } from './bus-section.ts'
import type { Config, ConfigWith, Part } from './config.ts'
import { parseDnstap } from './dnstap-section.ts'
import { LIMITS, LOG, NEVER } from './limits-section.ts'
import { LISTS } from './list-section.ts'
import { ConfigError } from './mistakes.ts'
import { reportNeeds, reportSharedPort } from './needs.ts'
import { parseBgp } from './parse-bgp.ts'
import { parseLists } from './parse-lists.ts'
import { Reading } from './reading.ts'
import type { Environment } from './reading.ts'
import { parseResolvers } from './resolver-section.ts'
import { Section } from './section.ts'
import { parseStore } from './store-section.ts'
import { parseSyncer } from './syncer-section.ts'
import { TOP } from './top-section.ts'
import { readTree } from './toml-tree.ts'

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
  const { root: table, mistakes, incomplete } = readTree(fileText)
  const reading = new Reading({ folder: dirname(resolve(fileName)), environment, mistakes, incomplete })
  const root = new Section(reading, { title: '', variables: [] }, table)
  const top = root.read(TOP)
  const { ipv6 } = top
  const lists = parseLists(root, top)
  const ofLists = root.table('lists').read(LISTS)
  const isHandedOver = Number(environment['LISTEN_FDS'] ?? 0) > 0
  const config = {
    fileName,
    warnings: reading.warnings,
    written: reading.written,
    ipv6,
    lists,
    listState: ofLists.state,
    namesFile: ofLists.namesFile,
    limits: root.table('limits').read(LIMITS),
    never: root.table('never').read(NEVER),
    dnstap: parseDnstap(root.table('dnstap'), isHandedOver),
    resolvers: parseResolvers(root),
    bgp: parseBgp(root.table('bgp'), { ipv6, lists }),
    syncer: parseSyncer(root.table('syncer')),
    bus: parseBus(root.table('bus')),
    store: parseStore(root.table('store'), top),
    admin: parseAdmin(root.table('admin')),
    log: root.table('log').read(LOG),
  }
  reading.done()
  const secretFiles = [...reading.secretFiles].map((file) => file ?? fileName)
  return { config: { ...config, secretFiles }, reading }
}

function inFileOrder<T extends { readonly line?: number }>(mistakes: readonly T[]): T[] {
  return [...mistakes].sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || 0)
}
