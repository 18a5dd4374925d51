/** A disk without room, for real: a small tmpfs. Mounting is root's; without it these tests are skipped. */
import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ListLoader } from '../src/list-loader.ts'
import { listDefinition } from '../testing/list-definition.ts'

const folder = mkdtempSync(join(tmpdir(), 'list-full-disk-'))
const disk = join(folder, 'disk')
mkdirSync(disk)
const mount = () => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]).status === 0
const unmount = () => spawnSync('umount', ['-l', disk])
const canMount = mount()
if (canMount) unmount()

let server: Server
let names: string[]
const opened: ListLoader[] = []
beforeEach(async () => {
  if (canMount) mount()
  names = Array.from({ length: 2000 }, (_, i) => `n${i}.example`)
  server = createServer((_request, response) => response.end(names.join('\n')))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const loader of opened.splice(0)) await loader.close()
  server.close()
  if (canMount) unmount()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A file and a URL whose copies belong on the disk; `lines`: what the log said of trouble and its end. */
function started() {
  const clock = new FakeClock()
  const lines: string[] = []
  const say = (_fields: object, sentence: string) => void (/kept/.test(sentence) && lines.push(sentence))
  const log = { ...silentLog, child: () => log, error: say, info: say }
  writeFileSync(join(folder, 'file.txt'), names.join('\n'))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const lists = [listDefinition('file', join(folder, 'file.txt')), listDefinition('url', { kind: 'url', url, proxy: undefined })]
  const loader = new ListLoader({ lists, stateFolder: join(disk, 'lists'), watch: false }, { clock, log })
  opened.push(loader)
  return { loader, clock, lines }
}

const filler = join(disk, 'filler')
const fill = () => {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(filler, Buffer.alloc(bavail * bsize))
}
const copies = () => readdirSync(join(disk, 'lists')).sort()

test.skipIf(!canMount)(
  'lists start and are used on a full disk, are told as not kept once, and kept when there is room',
  async () => {
    fill()
    vi.stubEnv('TMPDIR', disk) // one disk for everything, as on a small router box
    const { loader, clock, lines } = started()
    const loaded = await loader.load()
    expect(
      loaded.lists.map(({ state, names: count, notKept }) => [state, count, /no room .*ENOSPC/.test(notKept ?? '')]),
    ).toEqual([
      ['fresh', 2000, true],
      ['fresh', 2000, true],
    ])
    await loader.refresh()
    const isNotKept = 'The list is in use, but its last good version cannot be kept for a restart.'
    expect(lines).toEqual([isNotKept, isNotKept]) // one line for each list, however often it is read

    rmSync(filler)
    await waitFor(
      async () => {
        await clock.advanceAsync(60_000, 1_000)
        return loader.current?.lists.every(({ notKept }) => notKept === undefined)
      },
      { what: 'both lists to be kept', timeoutMs: 50_000 },
    )
    expect(lines.slice(2)).toEqual(Array(2).fill('The last good version of the list is kept again.'))
    expect(copies()).toHaveLength(4)
  },
)

test.skipIf(!canMount)('a disk that fills keeps the last good version whole', async () => {
  const { loader } = started()
  await loader.load()
  const before = copies()
  fill()
  names = names.map((name) => `other-${name}`)
  writeFileSync(join(folder, 'file.txt'), names.join('\n'))
  const loaded = await loader.refresh()
  expect(loaded.matcher.match(textToName('other-n7.example') ?? new Uint8Array(1), 0)).not.toBe(NO_MATCH)
  expect(copies()).toEqual(before)
  await loader.close()

  // The next start has no source: the copies are those that were good.
  names = []
  const { loader: next } = started()
  rmSync(join(folder, 'file.txt'))
  const kept = await next.load({ askUrls: true })
  expect(kept.lists.map(({ state, names: count }) => [state, count])).toEqual([
    ['refused', 2000],
    ['refused', 2000],
  ])
  expect(kept.matcher.match(textToName('n7.example') ?? new Uint8Array(1), 0)).not.toBe(NO_MATCH)
})
