/** A real authoritative server (knotd) for zones that a test writes down, on a loopback address of its own. */
import { mkdirSync, writeFileSync } from 'node:fs'
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

/** `zones`: origin (`example.org`) to records without SOA and NS, which are added. */
export async function startAuthority(zones: Readonly<Record<string, string>>): Promise<Authority> {
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
template:
  - id: default
    storage: ${folder}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
zone:
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
