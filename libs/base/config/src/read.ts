/**
 * What a reader is: it turns one TOML value into a typed one, or says which value it expected.
 *
 * A value from the environment is text: a reader converts it to the type that it wants, and splits lists at commas.
 */
import type { Place, Value } from './toml-tree.ts'

/** A value that was not expected. `seen` is given when the value must not be shown, or when other words say more. */
export class Wrong {
  readonly expected: string
  readonly suggestion: string | undefined
  readonly seen: string | undefined
  readonly at: Place | undefined
  /** Of a list: its further elements that are wrong. */
  readonly others: readonly Wrong[]

  constructor(
    expected: string,
    more: {
      suggestion?: string | undefined
      seen?: string | undefined
      at?: Place | undefined
      others?: readonly Wrong[] | undefined
    } = {},
  ) {
    this.others = more.others ?? []
    this.expected = expected
    this.suggestion = more.suggestion
    this.seen = more.seen
    this.at = more.at
  }
}

/** `folder`: relative paths start there. */
export type Read<T> = (value: Value, folder: string) => T | Wrong

/** A value in the words of a message. */
export function describeValue(value: Value): string {
  if (value.type === 'table') return 'a table'
  if (value.type === 'array') return `a list of ${value.elements.length}`
  return value.text.length > 100 ? `${value.text.slice(0, 100)}…` : value.text
}

/** The text of a string or a variable; undefined: the value is none. */
export function writtenText(value: Value): string | undefined {
  if (value.type !== 'scalar') return undefined
  return value.kind === 'string' || value.kind === 'environment' ? String(value.value) : undefined
}

/** A whole number that is exact; undefined: the value is none. */
export function integerOf(value: Value): number | undefined {
  if (value.type !== 'scalar') return undefined
  if (value.kind === 'environment') return /^[+-]?\d+$/.test(value.text) ? Number(value.text) : undefined
  return value.kind === 'integer' && Number.isSafeInteger(value.value) ? (value.value as number) : undefined
}
