/** Edited files are read again, whatever else is written around them. */
import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { waitFor } from '@dnstap-bgp/testkit'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test, vi } from 'vitest'
import type { ListDefinition } from './list-definition.ts'
import { ListLoader } from './list-loader.ts'
import { listDefinition } from '../testing/list-definition.ts'

vi.setConfig({ testTimeout: 120_000 })

let folder: string
const closing: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'list-watching-'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  rmSync(folder, { recursive: true, force: true })
})

const write = (name: string, ...lines: string[]) => writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(''))
const patiently = (what: string) => ({ what, timeoutMs: 60_000 })

/** The list is loaded from the file or folder, and watched. The poll finds nothing within a test. */
async function watched(name: string, format = 'auto') {
  const definition: ListDefinition = listDefinition('one', join(folder, name), { format, minimumShare: 0 })
  const loader = new ListLoader(
    { lists: [definition], stateFolder: undefined, settleMs: 50, longestSettleMs: 500, pollIntervalMs: 10_000_000 },
    { clock: systemClock, log: silentLog },
  )
  closing.push(() => loader.close())
  await loader.load()
  const covers = (domain: string) => loader.current?.matcher.match(textToName(domain) ?? new Uint8Array(1), 0) !== NO_MATCH
  return { covers }
}

/** Does it again and again, more often than a file needs to settle. */
function keepDoing(what: () => void): void {
  const timer = setInterval(what, 5)
  closing.unshift(() => clearInterval(timer))
}

test('an edit is read while other files in the folder of the list are written all the time', async () => {
  write('domains.txt', 'a.example')
  const { covers } = await watched('domains.txt')
  keepDoing(() => appendFileSync(join(folder, 'cache'), 'x'))
  keepDoing(() => renameSync(join(folder, 'cache'), join(folder, 'cache.1')))
  write('domains.txt', 'b.example')
  await waitFor(() => covers('b.example'), patiently('an edit in place'))
  write('domains.txt.new', 'c.example')
  renameSync(join(folder, 'domains.txt.new'), join(folder, 'domains.txt'))
  await waitFor(() => covers('c.example'), patiently('a file renamed over it'))
})

test('a file that is appended to all the time is read all the same', async () => {
  write('domains.txt', 'a.example')
  const { covers } = await watched('domains.txt')
  let count = 0
  keepDoing(() => appendFileSync(join(folder, 'domains.txt'), `n${count++}.example\n`))
  await waitFor(() => covers('n0.example'), patiently('what was appended'))
})

test('an edit of a file that a list includes is read, and so is one that comes later', async () => {
  mkdirSync(join(folder, 'data'))
  write('data/all', 'include:some', 'include:more', 'a.example')
  write('data/some', 'b.example')
  const { covers } = await watched('data/all', 'v2fly')
  keepDoing(() => writeFileSync(join(folder, 'data/noise'), 'x'))
  write('data/some', 'c.example')
  await waitFor(() => covers('c.example') && !covers('b.example'), patiently('the edit of an included file'))
  write('data/more', 'd.example')
  await waitFor(() => covers('d.example'), patiently('an included file that was missing'))
})

test('a file is found again when its folder was removed and made anew', async () => {
  mkdirSync(join(folder, 'made'))
  write('made/domains.txt', 'a.example')
  const { covers } = await watched('made/domains.txt')
  rmSync(join(folder, 'made'), { recursive: true })
  mkdirSync(join(folder, 'made'))
  write('made/domains.txt', 'b.example')
  await waitFor(() => covers('b.example'), patiently('the file in the new folder'))
})
