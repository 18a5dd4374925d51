import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type * as ListLoaderModule from '../src/index.ts'
import { bundledLoader } from '../testing/bundled-loader.ts'
import { listDefinition } from '../testing/list-definition.ts'

let folder: string
let bundled: typeof ListLoaderModule
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'list-worker-'))
  bundled = await bundledLoader(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function loaderOf(path: string) {
  const list: ListLoaderModule.ListDefinition = listDefinition('big', path, { addresses: true })
  return new bundled.ListLoader({ lists: [list], stateFolder: undefined, watch: false }, { clock: systemClock, log: silentLog })
}

function bigFile(from: number): string {
  const path = join(folder, 'big.txt')
  const lines = Array.from({ length: 200_000 }, (_, i) => `n${from + i}.example${i % 10}.org\n`)
  writeFileSync(path, `${lines.join('')}192.0.2.0/24\n`)
  return path
}

test('the bundled loader builds in a worker while the event loop turns', async () => {
  const loader = loaderOf(bigFile(0))
  let turns = 0
  let timer = setImmediate(function turn() {
    turns++
    timer = setImmediate(turn)
  })
  try {
    const loaded = await loader.load()
    expect(turns).toBeGreaterThan(20) // built here, it would be one or two
    expect(loaded.lists).toMatchObject([{ state: 'fresh', names: 200_000, addresses: 1 }])
    expect(loaded.addressesOf('big')).toEqual(['192.0.2.0/24'])
    expect(loaded.matcher.match(textToName('www.n7.example7.org')!, 0)).not.toBe(NO_MATCH)

    bigFile(5)
    const reloaded = await loader.refresh()
    // Every number is another's neighbour: n0 is n5 of before, under another parent.
    expect(reloaded.differences).toMatchObject([{ added: 200_000, removed: 200_000 }])
    expect(loaded.matcher.match(textToName('n1.example1.org')!, 0)).not.toBe(NO_MATCH)
    expect(reloaded.matcher.match(textToName('n1.example1.org')!, 0)).toBe(NO_MATCH)
  } finally {
    clearImmediate(timer)
    await loader.close()
  }
})

test('a missing file is the same error as without a worker', async () => {
  const loader = loaderOf(join(folder, 'none.txt'))
  await expect(loader.load()).rejects.toThrow(/^list "big": .*none\.txt: there is no such file$/)
  await loader.close()
})

test('closing during a build ends it', async () => {
  const loader = loaderOf(bigFile(0))
  const loading = loader.load()
  const refused = expect(loading).rejects.toThrow(/the program is stopping/)
  await new Promise((resolve) => setImmediate(resolve))
  await loader.close()
  await refused
})
