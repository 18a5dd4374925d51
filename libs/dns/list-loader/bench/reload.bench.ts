/**
 * What a reload costs: time in the worker from file to matcher, and the longest the event loop stood still meanwhile.
 *
 *     npx tsx libs/dns/list-loader/bench/reload.bench.ts [--json] [names ...]
 *
 * The loader is bundled as the apps are, for the worker to be a worker. "still" is the longest gap between two turns of a busy event loop; beside it
 * the longest in as long a time in which nothing was reloaded, which is what the machine itself does to us.
 */
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { mkdtempSync, rmSync, createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as ListLoaderModule from '../src/index.ts'
import { bundledLoader } from '../testing/bundled-loader.ts'
import { listDefinition } from '../testing/list-definition.ts'

const asJson = process.argv.includes('--json')
const sizes = process.argv
  .slice(2)
  .filter((argument) => argument !== '--json')
  .map(Number)
if (sizes.length === 0) sizes.push(100_000, 1_000_000)

const folder = mkdtempSync(join(tmpdir(), 'bench-reload-'))
try {
  const bundled = await bundledLoader(folder)
  const rows = []
  for (const names of sizes) rows.push(await measure(bundled, names))
  if (asJson) console.log(JSON.stringify(rows))
  else console.table(rows)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function measure({ ListLoader }: typeof ListLoaderModule, names: number) {
  const path = join(folder, 'list.txt')
  await writeList(path, names, 1)
  const loader = new ListLoader(
    {
      lists: [listDefinition('bench', path)],
      stateFolder: undefined,
      watch: false,
    },
    { clock: systemClock, log: silentLog },
  )
  const started = performance.now()
  const { matcher } = await loader.load()
  const loadMs = performance.now() - started
  await writeList(path, names, 2)
  const before = performance.now()
  const [reloadStillMs] = await longestGap(() => loader.refresh())
  const reloadMs = performance.now() - before
  const [idleStillMs] = await longestGap(() => new Promise((resolve) => setTimeout(resolve, reloadMs)))
  const differences = loader.current?.differences[0]
  await loader.close()
  return {
    names,
    'matcher MB': round(matcher.sizeBytes / 1e6),
    'load ms': Math.round(loadMs),
    'reload ms': Math.round(reloadMs),
    'still ms': round(reloadStillMs),
    'still without ms': round(idleStillMs),
    added: differences?.added,
    removed: differences?.removed,
  }
}

async function longestGap<Result>(work: () => Promise<Result>): Promise<[number, Result]> {
  let longest = 0
  let last = performance.now()
  let timer = setImmediate(function turn() {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    timer = setImmediate(turn)
  })
  const result = await work()
  longest = Math.max(longest, performance.now() - last)
  clearImmediate(timer)
  return [longest, result]
}

/** A tenth of the names is other in each version. */
async function writeList(path: string, names: number, version: number): Promise<void> {
  const file = createWriteStream(path)
  let state = 7
  const word = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state.toString(36)
  }
  for (let i = 0; i < names;) {
    let block = ''
    for (const end = Math.min(names, i + 10_000); i < end; i++)
      block += `${i % 10 === 0 ? `v${version}` : ''}${word()}${i % 3 === 0 ? `.${word()}` : ''}.${['com', 'net', 'org', 'co.uk'][i % 4]}\n`
    if (!file.write(block)) await once(file, 'drain')
  }
  file.end()
  await once(file, 'close')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
