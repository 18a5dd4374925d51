/**
 * `check --list FILE|URL`: tries any file as a list, without a configuration: its format, its counts, what was skipped and why, its widest rules. Where
 * there is a configuration, also which of its names stand on the lists there.
 *
 * Exit code 0: it would be taken whole; 1: it would be refused, or some of it would be missing.
 */
import { UsageError } from '@dnstap-bgp/program'
import { DEFAULTS, loadConfig, LIST_FORMATS } from '@dnstap-bgp/config'
import { DOWNLOAD_LIMITS, eachRule, ListLoader, ListsError, type ListDefinition, type ListStatus } from '@dnstap-bgp/list-loader'
import type { Matcher } from '@dnstap-bgp/domain-matcher'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { interruptible } from '../interruptible.ts'
import { lookAtLists } from '../look-at-lists.ts'
import { mostLookedUp } from '../most-looked-up.ts'
import { print } from '../print.ts'
import { caughtBy, Conflicts, WidestRules } from '../widest-rules.ts'

export interface CheckListOptions {
  readonly source: string
  readonly format: string | undefined
  /** A capture: its most looked-up names are tried against the list. */
  readonly capture: string | undefined
  readonly config: string
  readonly json: boolean
}

const NAMES_TRIED = 1000
const SAMPLES_OF_REASON = 3
const CAPTURE_TYPES = ['CLIENT_RESPONSE', 'RESOLVER_RESPONSE', 'FORWARDER_RESPONSE']

export async function checkList(options: CheckListOptions): Promise<number> {
  const list = definitionOf(options)
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-check-'))
  try {
    return await interruptible(async (stop) => {
      const loader = new ListLoader(
        // What a URL sends is kept in the folder, to be read once more.
        { lists: [list], stateFolder: folder, watch: false, patienceMs: DOWNLOAD_LIMITS.timeoutMs },
        { clock: systemClock, log: silentLog },
      )
      const close = () => void loader.close()
      stop.addEventListener('abort', close)
      try {
        const { lists, matcher } = await loader.load()
        return await report(options, { list, folder, status: lists[0], matcher })
      } finally {
        await loader.close()
        rmSync(folder, { recursive: true, force: true })
      }
    })
  } catch (error) {
    if (!(error instanceof ListsError)) throw error
    print('check', { list: options.source, 'it would be refused': error.problems.map(({ why }) => why).join('; ') }, options.json)
    return 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Tried {
  readonly list: ListDefinition
  readonly folder: string
  readonly status: ListStatus
  readonly matcher: Matcher
}

async function report({ source, format, capture, config, json }: CheckListOptions, tried: Tried): Promise<number> {
  const { status, matcher } = tried
  if (status.state !== 'fresh' && status.state !== 'degraded') {
    print('check', { list: source, 'it would be refused': status.why ?? status.state }, json)
    return 1
  }
  const others = existsSync(config) ? await lookAtLists(loadConfig(config, process.env, { needs: ['lists'] }), false) : undefined
  try {
    const widest = new WidestRules()
    const conflicts = others === undefined ? undefined : new Conflicts(others.names.matcher)
    await eachRule(tried.list, tried.folder, (rule) => {
      widest.add(rule)
      conflicts?.add(rule)
    })
    const names = capture === undefined ? undefined : await mostLookedUp(capture, NAMES_TRIED, CAPTURE_TYPES)
    const answer = {
      list: source,
      format: `${status.format} (${format === undefined ? 'recognised by its content' : 'as you said'})`,
      names: status.names,
      rules: status.rules,
      duplicates: status.duplicates,
      addresses: status.addresses,
      'missing rules': status.losses,
      warnings: status.warnings,
      skipped: status.skipped,
      'first skipped': samplesOf(status),
      'widest rules': widest.lines,
      [`of the ${names?.length ?? 0} names most looked up in the capture`]:
        names === undefined ? undefined : caughtBy(matcher, names),
      [`beside the lists of ${config}`]: conflicts?.lines,
    }
    print('check', answer, json)
    return status.losses.length > 0 ? 1 : 0
  } finally {
    await others?.close()
  }
}

/** Some of each reason. */
function samplesOf({ skippedLines }: ListStatus): string[] {
  const shown = new Map<string, number>()
  return skippedLines.flatMap(({ reason, file, line, text }) => {
    const count = (shown.get(reason) ?? 0) + 1
    shown.set(reason, count)
    return count > SAMPLES_OF_REASON ? [] : [`${file === undefined ? '' : `${file}:`}${line}: ${reason}: ${text}`]
  })
}

function definitionOf({ source, format }: CheckListOptions): ListDefinition {
  if (format !== undefined && !LIST_FORMATS.some((one) => one === format))
    throw new UsageError(`There is no list format "${format}"; there are ${LIST_FORMATS.join(', ')}`)
  const isUrl = /^https?:\/\//i.test(source)
  if (isUrl && !URL.canParse(source)) throw new UsageError(`"${source}" is no URL`)
  return {
    ...DEFAULTS.list,
    name: 'tried',
    source: isUrl ? { kind: 'url', url: source, proxy: undefined } : { kind: 'path', path: resolve(source) },
    format: format ?? DEFAULTS.list.format,
    addresses: true,
    login: undefined,
    proxyLogin: undefined,
  }
}
