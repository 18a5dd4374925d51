import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ipStoreConformance } from '@dnstap-bgp/ip-store/conformance'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { afterAll } from 'vitest'
import { openLmdbStore } from './lmdb-ip-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'ip-store-lmdb-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

ipStoreConformance(
  'LMDB',
  () => openLmdbStore({ path: join(folder, `store-${files++}`) }, { clock: systemClock, log: silentLog }),
  { runs: 30 },
)
