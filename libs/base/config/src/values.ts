/** Readers of plain values, of one from a set, and of lists of values. */
import { isAbsolute, resolve } from 'node:path'
import { nearest } from './nearest.ts'
import { Wrong, describeValue, integerOf, writtenText } from './read.ts'
import type { Read } from './read.ts'
import type { Value } from './toml-tree.ts'

export const string: Read<string> = (value) => writtenText(value) ?? new Wrong('a string')

export const boolean: Read<boolean> = (value) => {
  if (value.type === 'scalar' && value.kind === 'boolean') return value.value as boolean
  if (value.type === 'scalar' && value.kind === 'environment') {
    if (/^(true|yes|on|1)$/i.test(value.text)) return true
    if (/^(false|no|off|0)$/i.test(value.text)) return false
  }
  const wouldBe = writtenText(value)?.toLowerCase()
  return new Wrong('true or false', {
    suggestion: wouldBe === 'true' || wouldBe === 'false' ? `${wouldBe} without quotes` : undefined,
  })
}

export function integer(minimum: number, maximum: number, what = 'a whole number'): Read<number> {
  const expected = `${what} from ${minimum} to ${maximum}`
  return (value) => {
    const number = integerOf(value)
    if (number !== undefined) return number >= minimum && number <= maximum ? number : new Wrong(expected)
    const quoted = writtenText(value)
    return new Wrong(expected, {
      suggestion: quoted !== undefined && /^\d+$/.test(quoted) ? `${quoted} without quotes` : undefined,
    })
  }
}

/** A share of one, such as 0.5. */
export const share: Read<number> = (value) => {
  const number = value.type !== 'scalar' ? undefined : value.kind === 'environment' ? Number(value.text) : value.value
  return typeof number === 'number' && number >= 0 && number <= 1 ? number : new Wrong('a number from 0 to 1')
}

export function oneOf<const Name extends string>(names: readonly Name[]): Read<Name> {
  const expected = `one of ${names.map((name) => JSON.stringify(name)).join(', ')}`
  return (value) => {
    const wanted = writtenText(value)
    if (wanted === undefined) return new Wrong(expected)
    const found = names.find((name) => name.toLowerCase() === wanted.toLowerCase())
    if (found !== undefined) return found
    const near = nearest(wanted, names)
    return new Wrong(expected, { suggestion: near === undefined ? undefined : JSON.stringify(near) })
  }
} /** Permission bits: "0660", "660", "0o660", or 0o660 as a number. */
export const fileMode: Read<number> = (value) => {
  const expected = 'permissions in octal such as "0660"'
  if (value.type !== 'scalar') return new Wrong(expected)
  const digits =
    value.kind === 'integer' ? /^0o([0-7]+)$/.exec(value.text)?.[1] : /^(?:0o)?([0-7]+)$/.exec(writtenText(value) ?? '')?.[1]
  if (digits === undefined)
    return new Wrong(expected, {
      suggestion: value.kind === 'integer' && /^[0-7]{3}$/.test(value.text) ? `"0${value.text}"` : undefined,
    })
  const mode = Number.parseInt(digits, 8)
  return mode <= 0o777 ? mode : new Wrong(expected)
}
/** Absolute; a relative path starts at the configuration file's folder. */
export const path: Read<string> = (value, folder) => {
  const written = writtenText(value)
  if (written === undefined || written.includes('\0')) return new Wrong('a path')
  return isAbsolute(written) ? written : resolve(folder, written)
}

/** A URL of these schemes, without a password in it: that has settings of its own (`login`), and they may name a file. */
export function url(schemes: readonly string[], login: string): Read<string> {
  const expected = `a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`
  return (value) => {
    const written = writtenText(value)
    if (written === undefined || !URL.canParse(written)) return new Wrong(expected)
    const parsed = new URL(written)
    if (parsed.username !== '' || parsed.password !== '')
      return new Wrong(`a URL without them: they belong in ${login}`, { seen: 'a URL with credentials in it' })
    if (!schemes.includes(parsed.protocol.slice(0, -1)) || parsed.hostname === '') return new Wrong(expected)
    return written
  }
}
/** A list. Each element is judged alone; a mistake has the place of its element. */
export function arrayOf<T>(read: Read<T>): Read<readonly T[]> {
  return (value, folder) => {
    const elements = elementsOf(value)
    if (elements === undefined) return new Wrong('a list in brackets')
    const found: T[] = []
    const wrongs: Wrong[] = []
    for (const element of elements) {
      const one = read(element, folder)
      if (!(one instanceof Wrong)) found.push(one)
      else
        wrongs.push(
          new Wrong(one.expected, {
            suggestion: one.suggestion,
            seen: one.seen ?? `seen ${describeValue(element)}`,
            at: element.type === 'scalar' ? element.at : undefined,
          }),
        )
    }
    const [first, ...others] = wrongs
    return first === undefined ? found : new Wrong(first.expected, { ...first, others })
  }
}

/** One, or a list of them. */
export function oneOrMany<T>(read: Read<T>): Read<readonly T[]> {
  const many = arrayOf(read)
  return (value, folder) => {
    if (value.type === 'array' || (value.type === 'scalar' && value.kind === 'environment')) return many(value, folder)
    const one = read(value, folder)
    return one instanceof Wrong ? one : [one]
  }
}

function elementsOf(value: Value): readonly Value[] | undefined {
  if (value.type === 'array') return value.elements
  if (value.type !== 'scalar' || value.kind !== 'environment') return undefined
  const parts = value.text.split(',').map((part) => part.trim())
  return parts.filter((part) => part !== '').map((part) => ({ ...value, value: part, text: part }))
}
