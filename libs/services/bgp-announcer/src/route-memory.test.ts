import { RouteTable } from '@dnstap-bgp/route-table'
import type { Log } from '@dnstap-bgp/runtime'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Encoder } from './remembered-routes.ts'
import { RouteMemory } from './route-memory.ts'
import { SlicedWork } from './sliced-work.ts'

const BOUND_MS = 900_000
const VIDEO = { lists: ['video'], communities: [], largeCommunities: [] }

let folder: string
let path: string
let clock: FakeClock
let lines: string[]
let log: Log
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-memory-'))
  path = join(folder, 'announced')
  clock = new FakeClock()
  lines = []
  const keep = (_fields: object, line: string) => void lines.push(line)
  log = { debug() {}, info: keep, warn: keep, error: keep, child: () => log }
})
afterEach(() => rmSync(folder, { recursive: true }))

function following(table: RouteTable): RouteMemory {
  const memory = new RouteMemory({ path, clock, log })
  const encoder = () => new Encoder(table, [], { epoch: 'e1', revision: 1 }, undefined)
  memory.follow({ table, work: new SlicedWork(clock), encoder, isAging: false })
  return memory
}

async function prefixesIn(): Promise<string[] | undefined> {
  const loaded = await new RouteMemory({ path, clock, log }).load(BOUND_MS)
  return loaded === undefined ? undefined : [...loaded.remembered.routes()].map(({ prefix }) => prefix).sort()
}

describe('the file of announced routes', () => {
  test('follows the table, and is exact at the end', async () => {
    const table = new RouteTable()
    table.set('93.184.215.1/32', VIDEO)
    const memory = following(table)
    const passes = async (want: string[]) => {
      clock.advance(1000)
      return JSON.stringify(await prefixesIn()) === JSON.stringify(want)
    }
    await waitFor(() => passes(['93.184.215.1/32']), { what: 'the first route', timeoutMs: 60_000 })
    table.set('93.184.215.2/32', VIDEO)
    await waitFor(() => passes(['93.184.215.1/32', '93.184.215.2/32']), { what: 'the second route', timeoutMs: 60_000 })
    table.delete('93.184.215.1/32')
    await memory.close()
    expect(await prefixesIn()).toEqual(['93.184.215.2/32'])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('that is not ours is refused with a sentence, and never written', async () => {
    writeFileSync(path, 'example.org\n')
    const table = new RouteTable()
    const memory = new RouteMemory({ path, clock, log })
    expect(await memory.load(BOUND_MS)).toBeUndefined()
    memory.follow({
      table,
      work: new SlicedWork(clock),
      encoder: () => new Encoder(table, [], { epoch: '', revision: 0 }, undefined),
      isAging: false,
    })
    await memory.close()
    await memory.forget()
    expect(readFileSync(path, 'utf8')).toBe('example.org\n')
    expect(lines).toEqual([expect.stringContaining('the file is left as it is')])
    expect(memory.fault).toContain('is not ours')
  })

  test('that is damaged is refused with a sentence, and written anew', async () => {
    const table = new RouteTable()
    table.set('93.184.215.1/32', VIDEO)
    await following(table).close()
    writeFileSync(path, readFileSync(path).subarray(0, -3))
    expect(await prefixesIn()).toBeUndefined()
    expect(lines).toEqual([expect.stringMatching(/^The file of announced routes is not used: its checksum is wrong; a new file/)])
    await following(table).close()
    expect(await prefixesIn()).toEqual(['93.184.215.1/32'])
  })

  test.each([
    ['older than the bound', -BOUND_MS - 1000, undefined],
    ['from far in the future', BOUND_MS + 1000, undefined],
    ['a little older', -60_000, 60_000],
    ['from a moment ahead, as after a clock was set back', 60_000, 0],
  ])('that is %s has this age: %s', async (_what, afterMs, ageMs) => {
    await following(new RouteTable()).close()
    const when = (clock.now() + afterMs) / 1000
    utimesSync(path, when, when)
    const loaded = await new RouteMemory({ path, clock, log }).load(BOUND_MS)
    expect(loaded?.ageMs).toBe(ageMs)
  })

  test('is touched where nothing changes, so that it does not seem old', async () => {
    const memory = following(new RouteTable())
    await waitFor(() => (clock.advance(1000), prefixesIn()), { what: 'the file', timeoutMs: 60_000 })
    const before = statSync(path).mtimeMs
    const isTouched = () => (clock.advance(60_000), statSync(path).mtimeMs >= before + 60_000)
    await waitFor(isTouched, { what: 'its new time', timeoutMs: 60_000 })
    await memory.close()
  })

  test('that cannot be written is reported once and tried again', async () => {
    rmSync(folder, { recursive: true })
    writeFileSync(folder, 'in the way')
    const memory = following(new RouteTable())
    await waitFor(() => (clock.advance(20_000), memory.fault !== undefined), { what: 'the fault', timeoutMs: 60_000 })
    clock.advance(60_000)
    rmSync(folder)
    mkdirSync(folder)
    await waitFor(() => (clock.advance(20_000), memory.fault === undefined), { what: 'its end', timeoutMs: 60_000 })
    expect(lines).toEqual([expect.stringContaining('cannot be written'), 'The announced routes are written to their file again.'])
    await memory.close()
  })

  test('is removed when the routes were withdrawn on purpose', async () => {
    const memory = following(new RouteTable())
    await waitFor(() => (clock.advance(1000), prefixesIn()), { what: 'the file', timeoutMs: 60_000 })
    await memory.forget()
    expect(await prefixesIn()).toBeUndefined()
  })
})
