/** All that runs in a soak, of whatever shape. shapes.ts starts it. */
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SmallDisk } from './disk.ts'
import type { Shape } from './faults.ts'
import type { Part } from './part.ts'
import type { SoakResolver } from './resolver.ts'
import type { SyncPeer } from './sync-peer.ts'
import type { WatchedBird } from './watched-bird.ts'

export interface Fleet {
  readonly shape: Shape
  /** In the order of their start: servers, BIRDs, our programs. */
  readonly parts: readonly Part[]
  readonly birds: readonly WatchedBird[]
  /** The n-th talks to the n-th ingest. */
  readonly resolvers: readonly SoakResolver[]
  readonly peer: SyncPeer
  /** `host:port` where the gateway takes entries. */
  readonly gateway: string
  readonly work: string
  /** The disk of the embedded store. */
  readonly disk: SmallDisk | undefined
  readonly redis: readonly { readonly host: string; readonly port: number }[]
  readonly nats: readonly { readonly host: string; readonly port: number }[]
  close(): Promise<void>
}

export function partOf(fleet: Fleet, name: string): Part {
  const part = fleet.parts.find((one) => one.name === name)
  if (part === undefined) throw new Error(`no process ${name} in ${fleet.shape}`)
  return part
}

export const listFile = (work: string, list: string) => join(work, `${list}.txt`)

/** Writes a list as editors do: over the old file, or as a new file that takes its place. */
export function writeList(work: string, list: string, names: readonly string[], inPlace: boolean): void {
  const text = `${names.join('\n')}\n`
  const path = listFile(work, list)
  if (inPlace) {
    writeFileSync(path, text)
    return
  }
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

/** The files of the embedded store; what the announcer keeps beside it stays. */
export function removeStore(disk: SmallDisk): void {
  for (const name of readdirSync(disk.folder))
    if (name.startsWith('cache')) rmSync(join(disk.folder, name), { recursive: true, force: true })
}
