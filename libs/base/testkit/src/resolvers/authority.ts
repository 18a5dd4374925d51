/** A real authoritative server (knotd) for zones that a test writes down, on a loopback address of its own. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon } from '../daemon.ts'
import { freePort, loopbackAddress } from '../loopback.ts'
import { dig } from './dig.ts'

export interface Authority {
  readonly address: string
  readonly port: number
  readonly daemon: Daemon
  /** Replaces a zone's records and reloads. */
  setZone(zone: string, records: string): Promise<void>
  remove(): Promise<void>
}

export interface AuthorityOptions {
  /** Makes it a dnstap sender too: the UNIX socket that knotd's mod-dnstap reports to (AUTH_QUERY, AUTH_RESPONSE). */
  readonly dnstap?: string
  readonly identity?: string
}

/** `zones`: origin (`example.org`) to records without SOA and NS, which are added. */
export async function startAuthority(
  zones: Readonly<Record<string, string>>,
  options: AuthorityOptions = {},
): Promise<Authority> {
  const address = loopbackAddress()
  const port = await freePort(address)
  const records = new Map(Object.entries(zones))
  let serial = 1
  const [firstZone] = records.keys()
  const writeZone = (folder: string, zone: string) =>
    writeFileSync(
      join(folder, `${zone}.zone`),
      `$ORIGIN ${zone}.\n$TTL 300\n@ SOA ns.${zone}. admin.${zone}. ${serial++} 3600 600 86400 30\n@ NS ns.${zone}.\nns A ${address}\n${records.get(zone) ?? ''}\n`,
    )
  const daemon = await Daemon.start({
    name: 'knotd',
    prepare(folder) {
      mkdirSync(join(folder, 'db'), { recursive: true })
      for (const zone of records.keys()) writeZone(folder, zone)
      const tap =
        options.dnstap === undefined
          ? ''
          : `mod-dnstap:\n  - id: tap\n    sink: unix:${options.dnstap}\n    identity: ${options.identity ?? 'test-knotd'}\n`
      const list = [...records.keys()].map((zone) => `  - domain: "${zone}."\n    file: "${zone}.zone"`).join('\n')
      writeFileSync(
        join(folder, 'knot.conf'),
        `server:
    rundir: ${folder}
    listen: [ ${address}@${port} ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: ${folder}/db
log:
  - target: stderr
    any: notice
${tap}template:
  - id: default
    storage: ${folder}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
${tap === '' ? '' : '    global-module: mod-dnstap/tap\n'}zone:
${list}
`,
      )
      return { command: 'knotd', args: ['-c', join(folder, 'knot.conf')] }
    },
    ready: async () => (await dig({ address, port }, firstZone, 'SOA')).length > 0,
  })
  return {
    address,
    port,
    daemon,
    async setZone(zone, text) {
      records.set(zone, text)
      await daemon.stop()
      await daemon.restart()
    },
    remove: () => daemon.remove(),
  }
}

/** Has knotd here its module for dnstap? Debian keeps it in a package of its own, knot-module-dnstap. */
export function hasKnotDnstap(): boolean {
  return ['/usr/lib', ...foldersIn('/usr/lib')].some((lib) =>
    foldersIn(join(lib, 'knot')).some((folder) => existsSync(join(folder, 'dnstap.so'))),
  )
}

function foldersIn(path: string): string[] {
  if (!existsSync(path)) return []
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [join(path, entry.name)] : []))
}
