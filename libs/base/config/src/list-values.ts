/** Values that only lists have. */
import { fileURLToPath } from 'node:url'
import { Wrong } from './read.ts'
import type { Read } from './read.ts'
import { path, string, url } from './values.ts'

/** It stands in metrics, on pages and in the store. */
export const listName: Read<string> = matching(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
  'a name of letters, digits and . _ - (at most 64)',
)

/** RFC 7617 §2: a colon would end it. */
export const userName: Read<string> = matching(/^[^:]*$/, 'a name without colons')

export const zoneName: Read<string> = matching(
  /^(?:\.|(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?)$/,
  'the name of a zone such as "rpz.example.net"',
)

/** In lower case. */
export const digest: Read<string> = (value, folder) => {
  const written = matching(/^[0-9a-f]{64}$/i, 'the 64 hexadecimal digits of a SHA-256')(value, folder)
  return written instanceof Wrong ? written : written.toLowerCase()
}

export const EXPECTED_SOURCE = 'the path of a file or folder, or an http(s) URL'

export type WrittenSource = { readonly kind: 'path'; readonly path: string } | { readonly kind: 'url'; readonly url: string }

export const listSource: Read<WrittenSource> = (value, folder) => {
  const written = string(value, folder)
  if (written instanceof Wrong) return new Wrong(EXPECTED_SOURCE)
  if (/^file:/i.test(written)) return fromFileUrl(written)
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(written)) {
    const found = url(['http', 'https'], 'user and password')(value, folder)
    return found instanceof Wrong ? found : { kind: 'url', url: found }
  }
  const found = path(value, folder)
  return found instanceof Wrong ? found : { kind: 'path', path: found }
}

/** file:///etc/x%20y and what may stand behind it (`#google`). */
function fromFileUrl(written: string): WrittenSource | Wrong {
  const hash = written.indexOf('#')
  const fragment = hash < 0 ? '' : written.slice(hash)
  try {
    return { kind: 'path', path: fileURLToPath(hash < 0 ? written : written.slice(0, hash)) + fragment }
  } catch {
    return new Wrong('a path, or "file:///" and an absolute one')
  }
}

function matching(pattern: RegExp, expected: string): Read<string> {
  return (value, folder) => {
    const written = string(value, folder)
    return written instanceof Wrong || !pattern.test(written) ? new Wrong(expected) : written
  }
}
