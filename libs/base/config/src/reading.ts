/** What all sections of one file share: the variables of the environment, mistakes, warnings, unknown keys, and the values that were read. */
import type { Mistake } from './mistakes.ts'
import { nearest } from './nearest.ts'
import type { Section } from './section.ts'
import type { SectionValues, WrittenValues } from './setting.ts'
import type { Entry } from './toml-tree.ts'
import { foldKey } from './toml-tree.ts'

export const ENVIRONMENT_PREFIX = 'DNSTAP_BGP_'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ReadingOptions {
  /** Relative paths start here. */
  readonly folder: string
  readonly environment: Environment
  /** Those of the syntax. */
  readonly mistakes: readonly Mistake[]
  /** Lines could not be read: what the file lacks may stand there, so do not report it as missing. */
  readonly incomplete: boolean
}

export interface UnknownKey {
  readonly entry: Entry
  readonly key: string
  readonly advice: string | undefined
  /** The keys of its table. */
  readonly names: readonly string[]
}

export class Reading {
  readonly folder: string
  readonly environment: Environment
  readonly incomplete: boolean
  readonly mistakes: Mistake[]
  readonly warnings: string[] = []
  /** Files that hold secrets; undefined stands for the configuration itself. */
  readonly secretFiles = new Set<string | undefined>()
  readonly #sections: Section[] = []
  readonly #written = new Map<string, SectionValues[]>()
  /** By folded name without the prefix. */
  readonly #variables = new Map<string, { readonly name: string; readonly text: string }>()
  readonly #known = new Map<string, string>()
  /** By folded key. */
  readonly #tablesByKey = new Map<string, { readonly key: string; readonly tables: string[] }>()

  constructor({ folder, environment, mistakes, incomplete }: ReadingOptions) {
    this.folder = folder
    this.environment = environment
    this.mistakes = [...mistakes]
    this.incomplete = incomplete
    for (const [name, text] of Object.entries(environment)) {
      if (!name.startsWith(ENVIRONMENT_PREFIX) || text === undefined || text === '') continue
      this.#variables.set(foldKey(name.slice(ENVIRONMENT_PREFIX.length)), { name, text })
    }
  }

  /** Each section adds itself. */
  add(section: Section): void {
    this.#sections.push(section)
  }

  /** The values of one section that is there, for `changesThatNeedRestart`. */
  keep(title: string, values: SectionValues): void {
    const tables = this.#written.get(title)
    if (tables === undefined) this.#written.set(title, [values])
    else tables.push(values)
  }

  get written(): WrittenValues {
    return this.#written
  }

  /** The variable for the key at the end of this path of tables. */
  variable(path: readonly string[]): { readonly name: string; readonly text: string } | undefined {
    const folded = foldKey(path.join(''))
    this.#known.set(folded, ENVIRONMENT_PREFIX + path.map((part) => part.toUpperCase()).join('_'))
    return this.#variables.get(folded)
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

  /** Every table has been read: a key or a variable that nobody asked for is unknown. */
  done(): void {
    for (const section of this.#sections) for (const unknown of section.unknownKeys()) this.#reportUnknown(unknown)
    for (const [folded, { name }] of this.#variables) {
      if (this.#known.has(folded) || NOT_OURS.test(name)) continue
      const near = nearest(name, this.#known.values())
      this.warnings.push(`environment variable ${name} is not a setting${near === undefined ? '' : `; did you mean ${near}?`}`)
    }
  }

  /** A key that is unknown in its table may belong into another one. */
  #reportUnknown({ entry, key, advice, names }: UnknownKey): void {
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

/** Variables that start scripts set, and that Kubernetes and Docker make for a Service or link whose name begins like ours. */
const NOT_OURS =
  /^DNSTAP_BGP_(CONFIG|VERSION|TEST_\w+)$|_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/
