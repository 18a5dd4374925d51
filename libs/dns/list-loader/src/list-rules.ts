/**
 * Reads a list again to find the file and line of each rule, for `match` and `check`. The matcher keeps no line numbers: a million of them would cost
 * memory.
 *
 * A list from a URL is read from its last good version, if there is one. Rules of a list that a v2fly list includes carry the line of the `include:`.
 */
import { ListParser, type ListOptions, type RuleKind } from '@dnstap-bgp/domain-list'
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findCopy, includesOfCopy } from './kept-copies.ts'
import type { ListDefinition } from './list-definition.ts'
import { chunksOf, filesOf, splitFragment, urlFragment } from './list-files.ts'
import { MAX_LIST_BYTES } from './loader-config.ts'
import { surveyOf } from './survey-file.ts'

export interface RuleInFile {
  readonly kind: RuleKind
  readonly pattern: string
  readonly exception: boolean
  readonly important: boolean
  readonly file: string
  readonly line: number
}

/** Calls back with each rule; false: there is no file to read. Throws SourceError and ListError. */
export async function eachRule(
  list: ListDefinition,
  stateFolder: string | undefined,
  onRule: (rule: RuleInFile) => void,
): Promise<boolean> {
  const { path, sites, attributes } = list.source.kind === 'path' ? splitFragment(list.source.path) : urlFragment(list.source.url)
  const isUrl = list.source.kind === 'url'
  const place = isUrl ? (stateFolder === undefined ? undefined : findCopy(stateFolder, list.name, path, true)) : path
  if (place === undefined) return false
  const includes = isUrl ? includesOfCopy(place) : statSync(path).isDirectory() ? path : dirname(path)
  const options: ListOptions = {
    match: list.match,
    sites: sites.map((site) => [site, ...attributes].join('@')),
    attributes,
    include: (name) => (includes === undefined ? undefined : fileIn(includes, name)),
    ...(list.origin === undefined ? {} : { origin: list.origin }),
  }
  for (const file of filesOf(place).files) {
    // Show the URL, which the operator knows, instead of the copy's file name.
    const shown = isUrl ? path : file
    const parser = new ListParser(await surveyOf(file, { format: list.format, sites }, MAX_LIST_BYTES), options, {
      rule: (kind, pattern, exception, important, line) => onRule({ kind, pattern, exception, important, file: shown, line }),
      address: () => {},
      skip: () => {},
    })
    for await (const chunk of chunksOf(file, MAX_LIST_BYTES)) parser.push(chunk)
    parser.end()
  }
  return true
}

function fileIn(folder: string, name: string): Uint8Array | undefined {
  try {
    return /^[\w!@-][\w!@.-]*$/.test(name) ? readFileSync(join(folder, name)) : undefined
  } catch {
    return undefined
  }
}
