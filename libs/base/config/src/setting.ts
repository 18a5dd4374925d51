/**
 * Sections of the file, described once: for each setting its key, its reader, its default, when a change takes effect, and its meaning.
 *
 * The parser, the variables of the environment, the advice about unknown keys, the settings that wait for a restart and the tables of
 * docs/configuration.md derive from these descriptions. What several settings mean together is code beside the section.
 */
import { secretFile, secretText } from './read-secret.ts'
import type { SecretCheck } from './read-secret.ts'
import type { Secret } from './secret.ts'
import type { Read } from './read.ts'
import { Wrong } from './read.ts'
import type { Section } from './section.ts'

/** On SIGHUP, or at the next start. */
export type TakesEffect = 'reload' | 'restart'

export interface Setting<T> {
  /** In the file, where it is not the name of the property. */
  readonly key: string | undefined
  /** The value when the file has none, or a wrong one. */
  readonly default: T
  /** The default as an operator would write it; empty: there is none. */
  readonly written: string
  readonly meaning: string
  /** Where it is not that of the section. */
  readonly takesEffect: TakesEffect | undefined
  /** There is a second key that names a file with the value. */
  readonly isSecret: boolean
  /** Does the value decide what is routed? */
  readonly isRouting: boolean
  /** Reports what is wrong or missing, and gives the default then. */
  from(section: Section, key: string): T
}

interface About {
  readonly key?: string
  readonly takesEffect?: TakesEffect
  readonly isRouting?: boolean
  readonly meaning: string
}

type Written = string | number | boolean

export function setting<T>(read: Read<T>, about: About & { readonly default: Written }): Setting<T>
export function setting<T>(read: Read<T>, about: About): Setting<T | undefined>
export function setting<T>(read: Read<T>, about: About & { readonly default?: Written }): Setting<T | undefined> {
  const written = about.default === undefined ? undefined : String(about.default)
  const fallback = written === undefined ? undefined : readDefault(read, written)
  return {
    ...described(about),
    default: fallback,
    written: written ?? '',
    from: (section, key) => section.get(key, read, fallback),
  }
}

/** `standIn` is the value when the key is missing: that is a mistake, so nobody uses it. */
export function required<T>(
  read: Read<T>,
  { expected, standIn, ...about }: About & { readonly expected: string; readonly standIn: T },
): Setting<T> {
  return {
    ...described(about),
    default: standIn,
    written: '',
    from: (section, key) => section.required(key, read, expected) ?? standIn,
  }
}

/** The value is the path of a file that holds a secret: other users must not read that file. */
export function ofSecretFile<T extends string | undefined>(setting: Setting<T>): Setting<T> {
  return {
    ...setting,
    from(section, key) {
      const file = setting.from(section, key)
      if (file !== undefined && file !== '') section.noteSecretFile(file)
      return file
    },
  }
}

/** `KEY`, or `KEYFile` with the file that it stands in. */
export function secret(about: About & { readonly check?: SecretCheck }): Setting<Secret | undefined> {
  const { check = () => undefined } = about
  return {
    ...described(about),
    default: undefined,
    written: '',
    isSecret: true,
    from: (section, key) => section.secret(key, secretText(check), secretFile(check)),
  }
}

function described({ key, takesEffect, isRouting = false, meaning }: About) {
  return { key, takesEffect, isRouting, meaning, isSecret: false }
}

/** A default is read as a variable of the environment would be: text that becomes the wanted type. */
function readDefault<T>(read: Read<T>, text: string): T {
  const value = read({ type: 'scalar', kind: 'environment', value: text, text, at: undefined }, '/')
  if (value instanceof Wrong) throw new Error(`The default "${text}" of a setting is wrong: expected ${value.expected}`)
  return value
}

export type SettingsByName = Readonly<Record<string, Setting<unknown>>>

export type ValuesOf<All extends SettingsByName> = { readonly [Name in keyof All]: All[Name]['default'] }

export interface SectionDescription<All extends SettingsByName = SettingsByName> {
  /** `bgp`, `dnstap.tls`, `bgp.peer`; empty for the top of the file. */
  readonly title: string
  /** Of its settings that do not say it themselves. */
  readonly takesEffect: TakesEffect
  /** A part of the program runs only with it: one that is new or gone waits for the next start. */
  readonly isOptional?: boolean
  /** [[title]]: there may be several. */
  readonly isRepeated?: boolean
  /** Keys that do not exist but that operators may write, with the advice to report. */
  readonly advice?: Readonly<Record<string, string>>
  readonly settings: All
}

export function defineSection<All extends SettingsByName>(description: SectionDescription<All>): SectionDescription<All> {
  return description
}

export interface NamedSetting {
  readonly property: string
  readonly key: string
  readonly setting: Setting<unknown>
}

/** Every setting with the names that it has here and in the file. */
export function namedSettings({ settings }: SectionDescription): readonly NamedSetting[] {
  return Object.entries(settings).map(([property, setting]) => ({ property, key: setting.key ?? property, setting }))
}

export function defaultsOf<All extends SettingsByName>({ settings }: SectionDescription<All>): ValuesOf<All> {
  return Object.fromEntries(Object.entries(settings).map(([property, setting]) => [property, setting.default])) as ValuesOf<All>
}

/** By property. */
export type SectionValues = Readonly<Record<string, unknown>>
/** By title: the sections that the file or the environment has, in the order of the file. */
export type WrittenValues = ReadonlyMap<string, readonly SectionValues[]>
