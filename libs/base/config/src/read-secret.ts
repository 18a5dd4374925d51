/** Passwords and tokens: `password` or `passwordFile`, or their environment variables; never shown, whatever is wrong with them. */
import { readFileSync } from 'node:fs'
import type { Context } from './context.ts'
import { Secret } from './secret.ts'
import type { Section } from './section.ts'
import { Wrong, path, string } from './values.ts'
import type { Read } from './values.ts'

/** No password is longer; a path that was mistyped may be anything. */
const MAX_SECRET_BYTES = 64 * 1024

export function readSecret(
  section: Section,
  key: string,
  { folder }: Pick<Context, 'folder'>,
  check: (secret: string) => string | undefined = () => undefined,
): Secret | undefined {
  const fileKey = `${key}File`
  const direct = section.optional(key, secretText(check))
  const fromFile = section.optional(fileKey, secretFile(folder, check))
  section.noteSecret(key)
  if (fromFile !== undefined) section.noteSecretFile(section.optional(fileKey, path(folder)))
  if (section.has(key) && section.has(fileKey))
    section.mistaken(fileKey, `set together with ${section.fullKey(key)}: keep one of the two`, '')
  return direct ?? fromFile
}

function secretText(check: (secret: string) => string | undefined): Read<Secret> {
  return (value) => {
    const written = string(value)
    if (written instanceof Wrong) return new Wrong('a string', { seen: 'no string' })
    const complaint = check(written)
    return complaint === undefined ? new Secret(written) : new Wrong(complaint, { seen: 'something else' })
  }
}

function secretFile(folder: string, check: (secret: string) => string | undefined): Read<Secret> {
  const readPath = path(folder)
  return (value) => {
    const file = readPath(value)
    if (file instanceof Wrong) return file
    let content: string
    try {
      content = readFileSync(file, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return new Wrong('a file that can be read', {
        seen: `${file}: ${code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'we may not read it' : String(code)}`,
      })
    }
    const secret = content.replace(/\r?\n$/, '')
    if (secret === '') return new Wrong('a secret in it', { seen: `${file} is empty` })
    if (Buffer.byteLength(secret) > MAX_SECRET_BYTES)
      return new Wrong(`a secret of at most ${MAX_SECRET_BYTES} octets in it`, { seen: `${file} is longer` })
    const complaint = check(secret)
    return complaint === undefined ? new Secret(secret) : new Wrong(complaint, { seen: `${file} holds something else` })
  }
}
