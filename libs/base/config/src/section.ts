/**
 * One table of the file: reads keys by name, remembers the keys that were asked for, reports wrong values and unknown keys.
 *
 * A scalar (or list) of a fixed table may be given by the environment, which wins: DNSTAP_BGP_<TABLE>_<KEY>. Empty text, in the file
 * (as in the ancestor) and in the environment, is as if the key were not there.
 */
import type { Mistake } from './mistakes.ts'
import { nearest } from './mistakes.ts'
import type { Entry, Place, TableValue, Value } from './toml-tree.ts'
import { foldKey } from './toml-tree.ts'
import { Wrong, describeValue } from './values.ts'
import type { Read } from './values.ts'

export const ENVIRONMENT_PREFIX = 'DNSTAP_BGP_'

/** What all sections of one file share. */
export class Reading {
  readonly mistakes: Mistake[]
  readonly warnings: string[] = []
  /** Files that hold secrets; undefined stands for the configuration itself. */
  readonly secretFiles = new Set<string | undefined>()
  /** Something the file lacks may stand in a line that could not be read: do not report it. */
  readonly incomplete: boolean
  /** By folded name without the prefix. */
  readonly #environment = new Map<string, { readonly name: string; readonly text: string }>()
  readonly #known = new Map<string, string>()
  /** By folded key. */
  readonly #tablesByKey = new Map<string, { readonly key: string; readonly tables: string[] }>()
  readonly unknown: UnknownKey[] = []

  constructor(environment: Readonly<Record<string, string | undefined>>, mistakes: readonly Mistake[], incomplete: boolean) {
    this.mistakes = [...mistakes]
    this.incomplete = incomplete
    for (const [name, text] of Object.entries(environment)) {
      if (!name.startsWith(ENVIRONMENT_PREFIX) || text === undefined || text === '') continue
      this.#environment.set(foldKey(name.slice(ENVIRONMENT_PREFIX.length)), { name, text })
    }
  }

  /** The variable for the key at the end of this path of tables. */
  variable(path: readonly string[]): { readonly name: string; readonly text: string } | undefined {
    const folded = foldKey(path.join(''))
    this.#known.set(folded, ENVIRONMENT_PREFIX + path.map((part) => part.toUpperCase()).join('_'))
    return this.#environment.get(folded)
  }

  /** Variables with our prefix that no key asked for. */
  warnOfUnknownVariables(): void {
    for (const [folded, { name }] of this.#environment) {
      if (this.#known.has(folded) || NOT_OURS.test(name)) continue
      const near = nearest(name, this.#known.values())
      this.warnings.push(`environment variable ${name} is not a setting${near === undefined ? '' : `; did you mean ${near}?`}`)
    }
  }

  /** Every key that was asked for, in full. */
  get keys(): readonly string[] {
    return [...this.#tablesByKey.values()].flatMap(({ key, tables }) =>
      tables.map((table) => (table === '' ? key : `${table}.${key}`)),
    )
  }

  note(table: string, key: string): void {
    const folded = foldKey(key)
    const known = this.#tablesByKey.get(folded)
    if (known === undefined) this.#tablesByKey.set(folded, { key, tables: [table] })
    else if (!known.tables.includes(table)) known.tables.push(table)
  }

  /** Call it when every table has been read: a key that is unknown here may belong elsewhere. */
  reportUnknownKeys(): void {
    for (const { entry, key, advice, names } of this.unknown) {
      const near = nearest(entry.key, names)
      const homes = this.#tablesByKey
        .get(foldKey(entry.key))
        ?.tables.map((table) => (table === '' ? 'at the top of the file, before the first table' : `in [${table}]`))
      const mistake = { ...entry.at, key, seen: advice ?? 'unknown key' }
      if (advice !== undefined) this.mistakes.push({ ...mistake, expected: '' })
      else if (homes !== undefined)
        this.mistakes.push({ ...mistake, seen: `unknown key here: it belongs ${homes.join(' or ')}`, expected: '' })
      else if (near !== undefined) this.mistakes.push({ ...mistake, expected: '', suggestion: near })
      else this.mistakes.push({ ...mistake, expected: `one of ${names.join(', ')}` })
    }
  }
}

/** Variables that start scripts set, and that Kubernetes and Docker make for a Service or link whose name begins like ours. */
const NOT_OURS =
  /^DNSTAP_BGP_(CONFIG|VERSION|TEST_\w+)$|_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/

interface UnknownKey {
  readonly entry: Entry
  readonly key: string
  readonly advice: string | undefined
  /** What the table knows. */
  readonly names: readonly string[]
}

export interface SectionPlace {
  /** `bgp`, `dnstap.tls`, `bgp.peer`; empty for the top of the file. */
  readonly title: string
  /** The tables on the way, when variables may give its keys: not inside an array of tables. */
  readonly variables: readonly string[] | undefined
}

export class Section {
  readonly #reading: Reading
  readonly #place: SectionPlace
  readonly #table: TableValue | undefined
  readonly #known = new Map<string, string>()
  readonly #advice = new Map<string, string>()

  constructor(reading: Reading, place: SectionPlace, table: TableValue | undefined) {
    this.#reading = reading
    this.#place = place
    this.#table = table
  }

  /** The table stands in the file, or a variable gives one of its keys that were asked for. */
  get present(): boolean {
    return this.#table !== undefined || this.#fromEnvironment
  }
  #fromEnvironment = false

  get at(): Place | undefined {
    return this.#table?.at
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined
  }

  /** The value of a key; `fallback` when it is absent or wrong. */
  get<T, Fallback>(key: string, read: Read<T>, fallback: Fallback): T | Fallback {
    const found = this.#find(key)
    if (found === undefined) return fallback
    const value = read(found.value)
    if (!(value instanceof Wrong)) return value
    this.#wrong(found, value)
    return fallback
  }

  optional<T>(key: string, read: Read<T>): T | undefined {
    return this.get(key, read, undefined)
  }

  /** Undefined when absent or wrong; either is reported. */
  required<T>(key: string, read: Read<T>, expected: string): T | undefined {
    if (this.has(key)) return this.optional(key, read)
    if (this.present) this.missing(key, expected)
    return undefined
  }

  missing(key: string, expected: string): void {
    if (this.#reading.incomplete) return
    this.#reading.mistakes.push({ ...this.at, key: this.fullKey(key), seen: 'missing', expected })
  }

  /** The value of this key is wrong together with other values. */
  mistaken(key: string, seen: string, expected: string, suggestion?: string): void {
    const found = this.#find(key)
    const place = found === undefined ? this.at : found.at
    this.#reading.mistakes.push({
      ...place,
      key: found?.title ?? this.fullKey(key),
      seen,
      expected,
      ...(suggestion === undefined ? {} : { suggestion }),
    })
  }

  /** A fixed table inside this one. */
  table(key: string): Section {
    const title = this.fullKey(key)
    const variables = this.#place.variables === undefined ? undefined : [...this.#place.variables, key]
    const value = this.#entry(key)?.value
    if (value !== undefined && value.type !== 'table') this.#expectedTable(key, `a table [${title}]`)
    return new Section(this.#reading, { title, variables }, value?.type === 'table' ? value : undefined)
  }

  /** The tables of an array of tables inside this one, in order. */
  tables(key: string): readonly Section[] {
    const value = this.#entry(key)?.value
    if (value === undefined) return []
    const title = this.fullKey(key)
    if (value.type !== 'array' || !value.elements.every((element) => element.type === 'table')) {
      this.#expectedTable(key, `tables headed [[${title}]]`)
      return []
    }
    return value.elements.map((element) => new Section(this.#reading, { title, variables: undefined }, element))
  }

  /** The value of this key is a secret: the configuration holds it, unless it came from the environment. */
  noteSecret(key: string): void {
    const found = this.#find(key)
    if (found?.at !== undefined) this.#reading.secretFiles.add(undefined)
  }

  /** This file, if one was named, holds a secret. */
  noteSecretFile(file: string | undefined): void {
    if (file !== undefined) this.#reading.secretFiles.add(file)
  }

  /** A key that does not exist but that operators may write: the advice is reported in place of a guess. */
  advise(key: string, advice: string): void {
    this.#advice.set(foldKey(key), advice)
  }

  /** Call it last, when every key has been asked for: every other key in the table is a mistake. */
  done(): void {
    for (const [folded, entry] of this.#table?.entries ?? []) {
      if (this.#known.has(folded)) continue
      const advice = this.#advice.get(folded)
      this.#reading.unknown.push({ entry, key: this.fullKey(entry.key), advice, names: [...this.#known.values()] })
    }
  }

  fullKey(key: string): string {
    return this.#place.title === '' ? key : `${this.#place.title}.${key}`
  }

  #entry(key: string) {
    const folded = foldKey(key)
    this.#known.set(folded, key)
    this.#reading.note(this.#place.title, key)
    return this.#table?.entries.get(folded)
  }

  #find(key: string): Found | undefined {
    const entry = this.#entry(key)
    const variable = this.#place.variables === undefined ? undefined : this.#reading.variable([...this.#place.variables, key])
    if (variable !== undefined) {
      this.#fromEnvironment = true
      const { name, text } = variable
      return { title: name, at: undefined, value: { type: 'scalar', kind: 'environment', value: text, text, at: undefined } }
    }
    if (entry === undefined || (entry.value.type === 'scalar' && entry.value.value === '')) return undefined
    return { title: this.fullKey(key), at: entry.at, value: entry.value }
  }

  #wrong(found: Found, wrong: Wrong): void {
    this.#reading.mistakes.push({
      ...(wrong.at ?? found.at),
      key: found.title,
      seen: wrong.seen ?? `seen ${describeValue(found.value)}`,
      expected: wrong.expected,
      ...(wrong.suggestion === undefined ? {} : { suggestion: wrong.suggestion }),
    })
    for (const other of wrong.others) this.#wrong(found, other)
  }

  #expectedTable(key: string, expected: string): void {
    const entry = this.#entry(key)
    this.#reading.mistakes.push({
      ...entry?.at,
      key: this.fullKey(key),
      seen: `seen ${entry === undefined ? 'nothing' : describeValue(entry.value)}`,
      expected,
    })
  }
}

interface Found {
  readonly title: string
  readonly at: Place | undefined
  readonly value: Value
}
