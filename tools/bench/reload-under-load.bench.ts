/**
 * A reload of a list of a million names while 200,000 frames a second arrive: is every frame read, and how long does the loop stand still?
 *
 * Usage: tsx tools/bench/reload-under-load.bench.ts [--json] [--names 1000000] [--per-second 200000]
 *
 * The bundled all-in-one as a process, ingest's bench sender beside it. Frames are counted by the program's own metrics after the sender's last
 * frame; the pause is the longest that Node's event loop histogram saw between the start and the end of the reload. Build first.
 */
import { adminJson, askAdmin, startProgram, waitFor } from '@dnstap-bgp/testkit'
import { fork } from 'node:child_process'
import { createWriteStream, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { option } from './whole-path.ts'

const names = Number(option('names', '1000000'))
const perSecond = Number(option('per-second', '200000'))
const FRAMES = perSecond * 12
const TICK_MS = 20

const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-reload-'))
const list = join(folder, 'list.txt')

async function writeList(version: number): Promise<void> {
  const stream = createWriteStream(`${list}.new`)
  stream.write('listed-example.org\n')
  for (let i = 0; i < names; i++) {
    const line = `name${i % 10 === 0 ? `${i}v${version}` : i}.list${i % 7000}.example\n`
    if (!stream.write(line)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
}
const publish = () => renameSync(`${list}.new`, list)

await writeList(1)
publish()
const program = await startProgram({
  app: 'all-in-one',
  config: () => `
[[list]]
name = "big"
source = "${list}"
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
nextHop = "192.0.2.9"
peers = []
[admin]
listen = "./admin.sock"
`,
})
const admin = join(program.folder, 'admin.sock')
const metric = async (name: string) => {
  const { text } = await askAdmin(admin, 'GET', '/metrics')
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? NaN)
}
// Not a metric: every look at /metrics begins a new histogram of pauses.
const loaded = async () => Date.parse((await adminJson<{ changed: string }[]>(admin, '/api/lists'))[0].changed)

const work = { socket: join(program.folder, 'tap.sock'), frames: FRAMES, matching: 0.01, fresh: false, perSecond, pack: 25 }
const sender = fork(new URL('../../libs/services/dnstap-ingest/bench/sender.ts', import.meta.url), [JSON.stringify(work)], {
  execArgv: process.execArgv,
})
await once(sender, 'message')
const before = await loaded()
await writeList(2)
sender.send('go')
await waitFor(async () => (await metric('dnstap_bgp_ingest_frames_total')) > perSecond, { what: 'a second of frames' })
// The histogram holds the time from one tick of its 20 ms timer to the next, and reading it begins a new one.
const pause = async () => (await metric('nodejs_eventloop_lag_max_seconds')) * 1000 - TICK_MS
await pause()
await new Promise((resolve) => setTimeout(resolve, 2000))
const pauseWithoutMs = await pause()
const started = performance.now()
publish()
program.signal('SIGHUP')
await waitFor(async () => (await loaded()) > before, { what: 'the new list', timeoutMs: 60_000, intervalMs: 500 })
const reloadMs = performance.now() - started
const pauseMs = await pause()
await once(sender, 'exit')
await waitFor(async () => (await metric('dnstap_bgp_ingest_frames_total')) >= FRAMES + 1, {
  what: () => 'the last frame',
  timeoutMs: 30_000,
}).catch(() => {})
const received = await metric('dnstap_bgp_ingest_frames_total')
await program.remove()
rmSync(folder, { recursive: true, force: true })
const rows = [
  {
    names,
    'frames/s': perSecond,
    'frames sent': FRAMES + 1,
    'frames read': received,
    'reload ms': Math.round(reloadMs),
    'longest pause ms (target 20)': Math.round(pauseMs * 10) / 10,
    'without a reload': Math.round(pauseWithoutMs * 10) / 10,
  },
]
if (process.argv.includes('--json')) console.log(JSON.stringify(rows))
else console.table(rows)
process.exit(0)
