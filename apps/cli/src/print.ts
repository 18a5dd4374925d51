/** Writes answers of the admin API for people. `--json` has all fields; some are left out here. */
import { foreignText } from '@dnstap-bgp/foreign-text'
import { sayJson, sayLines } from './output.ts'

type Row = Readonly<Record<string, unknown>>

/** The columns of tables that would be too wide with every field. A column that is empty in all rows is always left out. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  lists: [
    'name',
    'state',
    'format',
    'names',
    'rules',
    'addresses',
    'skipped',
    'changed',
    'source',
    'why',
    'notKept',
    'warnings',
    'firstSkipped',
  ],
  peers: ['name', 'asn', 'state', 'since', 'prefixesOut', 'queued', 'suppressed', 'nextAttempt', 'lastError'],
  parts: ['name', 'state', 'since', 'why'],
  bindings: ['name', 'prefix', 'list', 'rule', 'chain', 'source', 'lastSeen', 'expires'],
  refusals: ['name', 'address', 'list', 'why', 'source', 'at'],
  connections: ['identity', 'version', 'peer', 'state', 'frames'],
}

/** Where nothing is worth a line. */
const NONE: Readonly<Record<string, string>> = { connections: 'No sender is connected.' }

/** Other words for keys whose API name would mislead readers of this command. */
const WORDS: Readonly<Record<string, string>> = {
  // With no peer, nothing of it is announced.
  announced: 'ready for peers',
}

/** Writes to standard output; `json`: as it came. */
export function print(what: string, answer: unknown, json = false): void {
  if (json) sayJson(answer)
  else sayLines(readable(what, answer))
}

export function readable(what: string, answer: unknown): string {
  if (Array.isArray(answer) && answer.length === 0) return `No ${what}.`
  if (Array.isArray(answer)) return table(what, what === 'routes' ? [...(answer as Row[])].sort(byPrefix) : (answer as Row[]))
  if (typeof answer !== 'object' || answer === null) return shown(String(answer))
  if (what === 'forget' && (answer as Row)['forgotten'] === 0) return 'Nothing was bound to it.'
  return fields(answer as Row)
}

/** IPv4 first, each by number (IPv6 nearly so). */
function byPrefix(one: Row, other: Row): number {
  const [a, b] = [String(one['prefix']), String(other['prefix'])]
  return Number(a.includes(':')) - Number(b.includes(':')) || a.localeCompare(b, 'en', { numeric: true })
}

/** `key: value` for each, tables and groups after them under their name. */
function fields(answer: Row): string {
  const lines: string[] = []
  const blocks: string[] = []
  for (const [key, value] of Object.entries(answer)) {
    if (isEmpty(value)) {
      if (key in NONE) lines.push(NONE[key])
      continue
    }
    if (Array.isArray(value) && typeof value[0] === 'object') blocks.push(`${words(key)}:\n${indent(table(key, value as Row[]))}`)
    else if (Array.isArray(value) && value.length > 1 && String(value[0]).includes(' '))
      blocks.push(`${words(key)}:\n${indent(value.map((one) => shown(String(one))).join('\n'))}`)
    else if (Array.isArray(value)) lines.push(`${words(key)}: ${shown(value.join(', '))}`)
    else if (typeof value === 'object') blocks.push(`${words(key)}:\n${indent(group(value as Row))}`)
    else lines.push(`${words(key)}: ${cell(value)}`)
  }
  return [...(lines.length > 0 ? [lines.join('\n')] : []), ...blocks].join('\n\n')
}

/** Names and values under each other. */
function group(entries: Row): string {
  const shown = Object.entries(entries).filter(([, value]) => !isEmpty(value))
  const width = Math.max(...shown.map(([key]) => words(key).length))
  return shown.map(([key, value]) => `${words(key).padEnd(width)}  ${cell(value)}`).join('\n')
}

function table(what: string, rows: readonly Row[]): string {
  const known = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const wanted = COLUMNS[what]?.filter((column) => known.includes(column)) ?? []
  const columns = (wanted.length > 0 ? wanted : known).filter((column) => rows.some((row) => !isEmpty(row[column])))
  const cells = [
    columns.map((column) => words(column).toUpperCase()),
    ...rows.map((row) => columns.map((column) => cell(row[column]))),
  ]
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)))
  return cells
    .map((line) =>
      line
        .map((text, i) => text.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cell(value: unknown): string {
  if (isEmpty(value)) return '-'
  if (Array.isArray(value)) return value.map(cell).join(' > ')
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([key, one]) => `${shown(key)}=${cell(one)}`)
      .join(' ')
  if (value === true) return 'yes'
  if (value === false) return 'no'
  // Times: nobody reads milliseconds in a table.
  return shown(String(value)).replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z$/, '$1Z')
}

/** Values were written by others: a line feed in a value must not begin a line here. */
function shown(text: string): string {
  return foreignText(text, MAX_CELL)
}

const MAX_CELL = 4000

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** routesPerList: routes per list */
function words(key: string): string {
  return WORDS[key] ?? shown(key).replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ')
}
