/** Users and permissions as lines of nats-server's configuration. The rest of it (address, storage, TLS) is the operator's. */
import type { NatsPermissions } from './permissions.ts'

export interface NatsUser {
  readonly name: string
  readonly password: string
  readonly permissions: NatsPermissions
}

/** Only characters that no quoting can break: a password is made, not chosen. */
const SAFE = /^[A-Za-z0-9_-]+$/

/** An `authorization` block. @throws RangeError when a name or a password cannot stand in it */
export function natsAuthorization(users: readonly NatsUser[]): string {
  const lines = users.flatMap(({ name, password, permissions }) => {
    for (const text of [name, password])
      if (!SAFE.test(text)) throw new RangeError(`a name or password of a NATS user has other characters than A-Z a-z 0-9 _ -`)
    return [
      `    {`,
      `      user: "${name}", password: "${password}"`,
      `      permissions: {`,
      `        publish: { allow: ${listOf(permissions.publish)} }`,
      `        subscribe: { allow: ${listOf(permissions.subscribe)} }`,
      `      }`,
      `    }`,
    ]
  })
  return `authorization {\n  users: [\n${lines.join('\n')}\n  ]\n}\n`
}

function listOf(subjects: readonly string[]): string {
  return `[${subjects.map((subject) => `\n          "${subject}"`).join('')}\n        ]`
}
