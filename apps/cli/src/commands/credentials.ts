/**
 * `dnstap-bgp credentials FOLDER`: makes the passwords of the separate services: one folder for each service that needs passwords.
 *
 *     FOLDER/nats/authorization.conf      users of NATS, each with the subjects of its service and no others
 *     FOLDER/redis/users.acl              the one user of Redis, and one that may only ping
 *     FOLDER/cache/                       nats-password, redis-password, admin-token
 *     FOLDER/dnstap-ingest/, …            nats-password, admin-token
 *
 * With `--nats-route`, for a cluster of NATS servers, nats/cluster.conf has the routes and their password. With `--sentinel` the users of
 * Redis' replicas and Sentinels are made, and redis/replication.conf, redis/sentinel.conf and cache/sentinel-password.
 *
 * Passwords that exist are kept, so the command can run at every start. Users and permissions are written again, so that a new version's permissions
 * take effect. docker-compose.yml runs it before everything else.
 */
import { UsageError } from '@dnstap-bgp/program'
import { natsAuthorization, permissionsOf } from '@dnstap-bgp/bus-nats'
import { SERVICES, WHO_SAYS_WHAT } from '@dnstap-bgp/steering'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineCommand } from '../command.ts'

const FOLDERS = ['nats', 'redis', ...SERVICES] as const
type Folder = (typeof FOLDERS)[number]

/** A folder's group may enter it and read its files; nobody else but the owner. */
const FOLDER_MODE = 0o750
const FILE_MODE = 0o440
const REDIS_USER = 'dnstap-bgp'
/** What Sentinels call the server that they watch: [store] sentinel. */
const PRIMARY = 'dnstap-bgp'

export const credentials = defineCommand({
  name: 'credentials',
  help: [
    {
      form: 'FOLDER [--group GID]...',
      does: [
        'make the passwords of the separate services, for NATS, Redis and each of them; what is',
        'there is kept. The group may read them; FOLDER=GID gives one folder another.',
        '--nats-route HOST:PORT... for a NATS cluster, --sentinel for Redis with Sentinels',
      ],
    },
  ],
  options: {
    group: { type: 'string', multiple: true },
    'nats-route': { type: 'string', multiple: true },
    sentinel: { type: 'boolean' },
  },
  subjects: 'one folder',
  run: ({ group = [], 'nats-route': natsRoutes = [], sentinel = false }, [folder]) =>
    makeCredentials(folder, { groups: group, natsRoutes, sentinel }),
})

interface CredentialOptions {
  /** GID or FOLDER=GID. */
  readonly groups: readonly string[]
  /** HOST:PORT of each server of a NATS cluster, where the others reach it. */
  readonly natsRoutes: readonly string[]
  readonly sentinel: boolean
}

function makeCredentials(folder: string, { groups, natsRoutes, sentinel }: CredentialOptions): number {
  const wrong = natsRoutes.find((route) => !/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(route))
  if (wrong !== undefined) throw new UsageError(`--nats-route takes HOST:PORT, not "${wrong}"`)
  const groupOf = readGroups(groups)
  const files = new Files(folder, groupOf)
  for (const each of FOLDERS) files.makeFolder(each)
  const adminToken = files.secret('cache', 'admin-token')
  const redisPassword = files.secret('cache', 'redis-password')
  const users = SERVICES.map((name) => {
    files.write(name, 'admin-token', adminToken)
    return { name, password: files.secret(name, 'nats-password'), permissions: permissionsOf(name, WHO_SAYS_WHAT) }
  })
  files.write('nats', 'authorization.conf', natsAuthorization(users))
  if (natsRoutes.length > 0)
    files.write('nats', 'cluster.conf', natsCluster(natsRoutes, files.secret('nats', 'cluster-password')))
  files.write('redis', 'users.acl', redisUsers(redisPassword) + (sentinel ? makeSentinels(files) : ''))
  process.stdout.write(`${folder}: ${files.made} made, ${files.kept} kept\n`)
  return 0
}

/**
 * The store's own keys and nothing that disturbs a server: not its configuration, no other client, no flush. `health` is for a health
 * check, which must not know a password.
 */
function redisUsers(password: string): string {
  return [
    'user default off',
    'user health on nopass resetkeys resetchannels -@all +ping',
    `user ${REDIS_USER} on >${password} resetkeys ~dnstap-bgp:* resetchannels &__keyevent@*__:expired +@all -@admin -@dangerous +info +config|get`,
    '',
  ].join('\n')
}

/** For a `cluster` block: nats-server takes the password of a route that it was given from the route itself. */
function natsCluster(routes: readonly string[], password: string): string {
  const lines = routes.map((route) => `  "nats-route://cluster:${password}@${route}"`)
  return `authorization { user: cluster, password: "${password}" }\nroutes: [\n${lines.join('\n')}\n]\n`
}

/** Returns the users that replicas and Sentinels are at a Redis server; the rest is lines of their configurations. */
function makeSentinels(files: Files): string {
  const [replica, watch] = [files.secret('redis', 'replica-password'), files.secret('redis', 'sentinel-user-password')]
  const password = files.secret('cache', 'sentinel-password')
  files.write('redis', 'replication.conf', `masteruser replica\nmasterauth ${replica}\n`)
  const lines = [`sentinel auth-user ${PRIMARY} sentinel`, `sentinel auth-pass ${PRIMARY} ${watch}`]
  files.write(
    'redis',
    'sentinel.conf',
    [...lines, `requirepass ${password}`, `sentinel sentinel-pass ${password}`, ''].join('\n'),
  )
  const may =
    '+multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill'
  return [
    `user replica on >${replica} resetkeys resetchannels -@all +psync +replconf +ping`,
    `user sentinel on >${watch} resetkeys allchannels -@all ${may}`,
    '',
  ].join('\n')
}

/** `1000` is for all folders, `redis=999` for one. */
function readGroups(written: readonly string[]): (folder: Folder) => number | undefined {
  let all: number | undefined
  const one = new Map<string, number>()
  for (const text of written) {
    const [, folder, gid = ''] = /^(?:([^=]+)=)?(\d{1,10})$/.exec(text) ?? []
    if (gid === '' || (folder !== undefined && !FOLDERS.some((each) => each === folder)))
      throw new UsageError(`--group takes GID or FOLDER=GID with a FOLDER of ${FOLDERS.join(', ')}, not "${text}"`)
    if (folder === undefined) all = Number(gid)
    else one.set(folder, Number(gid))
  }
  return (folder) => one.get(folder) ?? all
}

class Files {
  made = 0
  kept = 0
  readonly #root: string
  readonly #groupOf: (folder: Folder) => number | undefined

  constructor(root: string, groupOf: (folder: Folder) => number | undefined) {
    this.#root = root
    this.#groupOf = groupOf
  }

  makeFolder(folder: Folder): void {
    const path = join(this.#root, folder)
    mkdirSync(path, { recursive: true, mode: FOLDER_MODE })
    this.#allow(folder, path, FOLDER_MODE)
  }

  /** The secret that is there, or a new one. */
  secret(folder: Folder, name: string): string {
    const path = join(this.#root, folder, name)
    const known = existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
    if (known === '') this.made++
    else this.kept++
    const secret = known === '' ? randomBytes(24).toString('base64url') : known
    this.write(folder, name, secret)
    return secret
  }

  /** Replaces the file in one step: a reader sees the old file or the new one. */
  write(folder: Folder, name: string, text: string): void {
    const path = join(this.#root, folder, name)
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return this.#allow(folder, path, FILE_MODE)
    const temporary = `${path}.new`
    rmSync(temporary, { force: true })
    writeFileSync(temporary, text, { mode: FILE_MODE, flag: 'wx' })
    this.#allow(folder, temporary, FILE_MODE)
    renameSync(temporary, path)
  }

  #allow(folder: Folder, path: string, mode: number): void {
    const group = this.#groupOf(folder)
    if (group !== undefined) chownSync(path, process.getuid?.() ?? -1, group)
    chmodSync(path, mode)
  }
}
