/**
 * One table of the file: reads keys by name, remembers the keys that were asked for, reports wrong values and unknown keys.
 *
 * A scalar (or list) of a fixed table may be given by the environment, which wins: DNSTAP_BGP_<TABLE>_<KEY>. Empty text, in the file
 * (as in the ancestor) and in the environment, is as if the key were not there.
 */
import { Wrong, describeValue } from './read.ts'
import type { Read } from './read.ts'
import type { Reading, UnknownKey } from './reading.ts'
import type { Secret } from './secret.ts'
import { namedSettings } from './setting.ts'
import type { SectionDescription, SettingsByName, ValuesOf } from './setting.ts'
import type { Place, TableValue, Value } from './toml-tree.ts'
import { foldKey } from './toml-tree.ts'
import { path } from './values.ts'

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
    reading.add(this)
  }

  /** Every setting of the section. Mistakes and missing keys are reported. */
  read<All extends SettingsByName>(description: SectionDescription<All>): ValuesOf<All> {
    for (const [key, advice] of Object.entries(description.advice ?? {})) this.#advice.set(foldKey(key), advice)
    const settings = namedSettings(description)
    // A variable of the environment makes the section present: look for all of them before one is reported as missing.
    for (const { key, setting } of settings) for (const one of setting.isSecret ? [key, fileKeyOf(key)] : [key]) this.#find(one)
    const values = Object.fromEntries(settings.map(({ property, key, setting }) => [property, setting.from(this, key)]))
    if (this.present) this.#reading.keep(description.title, values)
    return values as ValuesOf<All>
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
    const value = read(found.value, this.#reading.folder)
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

  /** The value of `key`, or the content of the file that `keyFile` names. Other users must not read the file that holds it. */
  secret(key: string, direct: Read<Secret>, fromFile: Read<Secret>): Secret | undefined {
    const fileKey = fileKeyOf(key)
    const value = this.optional(key, direct)
    const content = this.optional(fileKey, fromFile)
    // What came from the environment is in no file.
    if (this.#find(key)?.at !== undefined) this.#reading.secretFiles.add(undefined)
    if (content !== undefined) this.noteSecretFile(this.optional(fileKey, path))
    if (this.has(key) && this.has(fileKey))
      this.mistaken(fileKey, `set together with ${this.fullKey(key)}: keep one of the two`, '')
    return value ?? content
  }

  /** This file, if one was named, holds a secret. */
  noteSecretFile(file: string | undefined): void {
    if (file !== undefined) this.#reading.secretFiles.add(file)
  }

  /** SettingsByName that are legal but perhaps not meant. */
  warn(sentence: string): void {
    this.#reading.warnings.push(sentence)
  }

  /** Keys of the table that nobody asked for. Ask when the section has been read. */
  unknownKeys(): readonly UnknownKey[] {
    return [...(this.#table?.entries ?? [])]
      .filter(([folded]) => !this.#known.has(folded))
      .map(([folded, entry]) => ({
        entry,
        key: this.fullKey(entry.key),
        advice: this.#advice.get(folded),
        names: [...this.#known.values()],
      }))
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

function fileKeyOf(key: string): string {
  return `${key}File`
}

interface Found {
  readonly title: string
  readonly at: Place | undefined
  readonly value: Value
}
