/** Nobody is connected: can the resolvers of this machine reach the UNIX sockets? Looks at files only. */
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { problem, type Finding } from './finding.ts'

const ABOUT = 'dnstap socket'
/** The user that each resolver runs as in Debian, and its AppArmor profile there. */
const RESOLVER_USERS = ['unbound', 'bind', 'knot-resolver', 'pdns', '_dnsdist']
const PROFILES: Readonly<Record<string, string>> = { unbound: 'usr.sbin.unbound', named: 'usr.sbin.named' }

export interface Machine {
  /** Mode, owner and group of a path; undefined: it is not there. */
  stat(
    path: string,
  ): { readonly mode: number; readonly uid: number; readonly gid: number; readonly isSocket: boolean } | undefined
  /** The lines of a file; none when it cannot be read. */
  lines(path: string): readonly string[]
}

export const thisMachine: Machine = {
  stat(path) {
    try {
      const found = statSync(path)
      return { mode: found.mode & 0o777, uid: found.uid, gid: found.gid, isSocket: found.isSocket() }
    } catch {
      return undefined
    }
  },
  lines(path) {
    try {
      return readFileSync(path, 'utf8').split('\n')
    } catch {
      return []
    }
  },
}

/** `isSilent`: no resolver is connected. */
export function examineSockets(paths: readonly string[], isSilent: boolean, machine: Machine = thisMachine): Finding[] {
  if (!isSilent) return []
  const found = paths.flatMap((path) => examineSocket(path, machine))
  return found.length > 0
    ? found
    : [
        problem(
          ABOUT,
          `No resolver is connected${paths.length === 0 ? '' : ` to ${paths.join(', ')}`}, and nothing here prevents it. Does a resolver have the lines for dnstap, and was it restarted since?`,
          'dnstap-bgp resolver lines: docs/resolvers.md',
        ),
      ]
}

function examineSocket(path: string, machine: Machine): Finding[] {
  const socket = machine.stat(path)
  if (socket === undefined || !socket.isSocket)
    return [
      problem(
        ABOUT,
        `${path} is ${socket === undefined ? 'not there' : 'no socket'}. Is the program running, by this configuration?`,
      ),
    ]
  const findings: Finding[] = []
  if (/^\/(var\/)?tmp\//.test(path))
    findings.push(
      problem(
        ABOUT,
        `${path} is in a temporary folder, which resolvers with PrivateTmp do not see.`,
        '[dnstap]   # in our configuration',
        'listen = "/run/dnstap-bgp/dnstap.sock"',
      ),
    )
  for (const user of usersWithoutAccess(path, machine)) {
    const group = machine
      .lines('/etc/group')
      .find((line) => Number(line.split(':')[2]) === socket.gid)
      ?.split(':')[0]
    const isGroupEnough = (socket.mode & 0o060) === 0o060 && group !== undefined && socket.gid !== 0
    findings.push(
      problem(
        ABOUT,
        `The user ${user} may not write to ${path} (mode ${socket.mode.toString(8).padStart(4, '0')}). Most resolvers do not log that.`,
        ...(isGroupEnough
          ? [`usermod -aG ${group} ${user}   # then restart the resolver`]
          : [
              '[dnstap]   # in our configuration; then restart',
              'perm = "0660"',
              'group = "dnstap-bgp"',
              `usermod -aG dnstap-bgp ${user}   # then restart the resolver`,
            ]),
      ),
    )
  }
  const enforced = machine.lines('/sys/kernel/security/apparmor/profiles')
  for (const [program, profile] of Object.entries(PROFILES))
    if (
      enforced.some((line) => line.includes(`${program} (enforce)`)) &&
      !machine.lines(`/etc/apparmor.d/local/${profile}`).some((line) => line.includes(path))
    )
      findings.push(
        problem(
          ABOUT,
          `AppArmor does not let ${program} use ${path}.`,
          `${path} rw,   # /etc/apparmor.d/local/${profile}`,
          `apparmor_parser -r /etc/apparmor.d/${profile}`,
        ),
      )
  return findings
}

/** The resolvers' users of this machine that may not write to the socket, or not search its folder. */
function usersWithoutAccess(path: string, machine: Machine): string[] {
  const groups = machine.lines('/etc/group').map((line) => line.split(':'))
  return machine.lines('/etc/passwd').flatMap((line) => {
    const [user, , uid, gid] = line.split(':')
    if (!RESOLVER_USERS.includes(user)) return []
    const gids = new Set([
      Number(gid),
      ...groups.filter((group) => (group[3] ?? '').split(',').includes(user)).map((group) => Number(group[2])),
    ])
    const may = (what: string, bit: number) => {
      const found = machine.stat(what)
      if (found === undefined) return false
      const shift = found.uid === Number(uid) ? 6 : gids.has(found.gid) ? 3 : 0
      return ((found.mode >> shift) & bit) === bit
    }
    return may(path, 2) && may(dirname(path), 1) ? [] : [user]
  })
}
