/** A small disk of its own, so that it can be full: a tmpfs where we may mount one. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class SmallDisk {
  readonly folder: string
  /** False: no mount was possible, so it cannot be filled. */
  readonly mounted: boolean

  constructor(megabytes: number) {
    this.folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-disk-'))
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'soak', this.folder], { stdio: 'ignore' })
    this.mounted = status === 0
  }

  fill(): void {
    const block = Buffer.alloc(65_536)
    for (let size = block.length; size >= 512; size = Math.floor(size / 2))
      for (let n = 0; ; n++)
        try {
          writeFileSync(join(this.folder, 'ballast'), block.subarray(0, size), { flag: 'a' })
        } catch {
          break
        }
  }

  makeRoom(): void {
    rmSync(join(this.folder, 'ballast'), { force: true })
  }

  remove(): void {
    if (this.mounted) spawnSync('umount', ['-l', this.folder], { stdio: 'ignore' })
    rmSync(this.folder, { recursive: true, force: true })
  }
}
