/** Readers of passwords and tokens, given directly or by a file; never shown, whatever is wrong with them. */
import { readFileSync } from 'node:fs'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import { Secret } from './secret.ts'
import { path, string } from './values.ts'

/** What is wrong with it, as "expected"; undefined: nothing. */
export type SecretCheck = (secret: string) => string | undefined

/** No password is longer; a path that was mistyped may be anything. */
const MAX_SECRET_BYTES = 64 * 1024

export function secretText(check: SecretCheck): Read<Secret> {
  return (value, folder) => {
    const written = string(value, folder)
    if (written instanceof Wrong) return new Wrong('a string', { seen: 'no string' })
    const complaint = check(written)
    return complaint === undefined ? new Secret(written) : new Wrong(complaint, { seen: 'something else' })
  }
}

export function secretFile(check: SecretCheck): Read<Secret> {
  return (value, folder) => {
    const file = path(value, folder)
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
