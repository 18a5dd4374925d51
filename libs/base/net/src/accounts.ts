/**
 * Numbers of users and groups, from /etc/passwd and /etc/group. Node cannot ask the system's name service, so an account known only
 * there (LDAP) must be given by number.
 */
import { readFileSync } from 'node:fs'

/** Undefined when there is no such account, or no such file (containers have images without). */
export function userId(nameOrId: string, passwdFile = '/etc/passwd'): number | undefined {
  return find(nameOrId, passwdFile)
}

export function groupId(nameOrId: string, groupFile = '/etc/group'): number | undefined {
  return find(nameOrId, groupFile)
}

/** Both files have the name in the first field and the number in the third. */
function find(nameOrId: string, file: string): number | undefined {
  if (/^\d+$/.test(nameOrId)) return Number(nameOrId)
  for (const line of linesOf(file)) {
    const [name, , id] = line.split(':')
    if (name === nameOrId && id !== undefined && /^\d+$/.test(id)) return Number(id)
  }
  return undefined
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
