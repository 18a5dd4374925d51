import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NO_LIMITS, sighting } from '@dnstap-bgp/ip-store/conformance'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { dice } from '@dnstap-bgp/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openFileStore } from '../src/index.ts'
import { buildWriter, killWriters } from './killed-writer.ts'

/** The bench kills 200 times and holds the store to its 100 ms; here the machine may be busy with other tests. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 12)
const PATIENCE_MS = 2_000
const MUTATED_FILES = Number(process.env['MUTATED_FILES'] ?? 25)

const folder = mkdtempSync(join(tmpdir(), 'ip-store-killed-'))
let writer: Awaited<ReturnType<typeof buildWriter>>
beforeAll(async () => {
  writer = await buildWriter()
})
afterAll(() => {
  writer.remove()
  rmSync(folder, { recursive: true, force: true })
})

test('killed at random moments, a store loses nothing older than its window and brings nothing back past its deadline', async () => {
  const kills = await killWriters(join(folder, 'killed'), writer.file, ROUNDS, dice(42))
  expect(kills.faults).toEqual([])
  expect(kills.answered).toBeGreaterThan(ROUNDS)
  expect(kills.oldestLossMs).toBeLessThan(PATIENCE_MS)
}, 120_000)

test('a store with any octets overwritten is refused or read, and never ends the process', async () => {
  const path = join(folder, 'mutated')
  const store = await openFileStore({ path }, { clock: systemClock, log: silentLog })
  const bindings = Array.from({ length: 400 }, (_, at) =>
    sighting({ prefix: `10.0.${at >> 8}.${at & 255}/32`, expiresAtMs: Infinity }),
  )
  await store.observe(bindings, NO_LIMITS)
  await store.flush()
  await store.forget(bindings.slice(0, 100))
  await store.close()
  const part = join(path, '1.part')
  const whole = readFileSync(part)
  const random = dice(MUTATED_FILES)
  let refused = 0
  let written = 0
  for (let round = 0; round < MUTATED_FILES; round++) {
    const bytes = Buffer.from(whole)
    for (let change = 0; change <= round % 4; change++) {
      // One in four in the last batch, which a power cut may have left as well.
      const from = round % 4 === 0 ? bytes.length - 40 : 0
      const at = from + Math.floor(random() * (bytes.length - from))
      bytes.fill(Math.floor(random() * 256), at, Math.min(bytes.length, at + 1 + Math.floor(random() * 8)))
    }
    const bad = join(folder, `mutated-${round}`)
    mkdirSync(bad)
    writeFileSync(join(bad, '1.part'), bytes)
    // The writer opens it and writes into it.
    const child = spawn(process.execPath, [writer.file, bad, '0'], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString('latin1')
      if (out.length > 3_000) child.kill('SIGKILL')
    })
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('latin1')))
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    if (signal === 'SIGKILL') written++
    else {
      expect(signal, `round ${round}: ${err}`).toBeNull()
      expect(code).toBe(1)
      expect(err, `round ${round}`).toContain('StoreFileError')
      refused++
    }
  }
  expect(written + refused).toBe(MUTATED_FILES)
  expect(written).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(0)
}, 120_000)
