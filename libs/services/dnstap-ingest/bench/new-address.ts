/**
 * What an address not seen before costs the whole all-in-one, from its frame to the store's file and the BGP UPDATE.
 *
 * Usage: tsx libs/services/dnstap-ingest/bench/new-address.ts [--json] [--count N] [--per-second N] [--profile FOLDER]
 *
 * The bundled all-in-one runs as a process of its own, with a store on disk and 100,000 listed names. Frames come from another process, 33
 * in a write as a busy Unbound sends them; the BGP peer is this one, which counts prefixes. What is counted is the CPU of the all-in-one,
 * all its threads, until the last prefix is here and the process rests again. Build first (npm run build).
 */
import { decodeMessage, encodeKeepalive, encodeOpen, MessageFramer, NO_CAPABILITIES } from '@dnstap-bgp/bgp-wire'
import { freePort, loopbackAddress, startProgram, waitFor } from '@dnstap-bgp/testkit'
import { fork } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'

const option = (name: string) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : process.argv[at + 1]
}
const count = Number(option('count') ?? 200_000)
const perSecond = Number(option('per-second') ?? 20_000)
const profile = option('profile')
const TARGET_MICROSECONDS = 12
/** USER_HZ, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** A BGP peer that takes every session and counts prefixes. */
async function startReceiver(): Promise<{ address: string; port: number; prefixes: () => number }> {
  const context = { fourOctetAsn: true, internal: true, families: ['ipv4' as const], extendedNextHop: [] }
  let prefixes = 0
  const server = createServer((socket) => {
    const framer = new MessageFramer()
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      framer.push(chunk)
      for (let bytes = framer.next(); bytes !== undefined; bytes = framer.next()) {
        const message = decodeMessage(bytes, context)
        if (message.type === 'OPEN') {
          const capabilities = { ...NO_CAPABILITIES, families: ['ipv4' as const], fourOctetAsn: 64512 }
          socket.write(encodeOpen({ asn: 64512, holdTimeSeconds: 0, bgpIdentifier: 0xc0000202, capabilities }))
          socket.write(encodeKeepalive())
        } else if (message.type === 'UPDATE') prefixes += message.update.announced.ipv4
      }
    })
  })
  const address = loopbackAddress()
  const port = await freePort(address)
  await new Promise<void>((resolve) => server.listen(port, address, resolve))
  return { address, port, prefixes: () => prefixes }
}

const receiver = await startReceiver()

/** Loaded into the all-in-one: SIGUSR2 starts V8's profiler, the next one writes what it found. */
const PROFILER = `import { Session } from 'node:inspector'
import { writeFileSync } from 'node:fs'
const session = new Session()
session.connect()
session.post('Profiler.enable')
let running = false
process.on('SIGUSR2', () => {
  running = !running
  if (running) session.post('Profiler.start')
  else session.post('Profiler.stop', (error, { profile }) => writeFileSync('all-in-one.cpuprofile', JSON.stringify(profile)))
})
`
function profilerOptions(folder: string): NodeJS.ProcessEnv {
  writeFileSync(join(folder, 'profiler.mjs'), PROFILER)
  return { NODE_OPTIONS: `--import=${join(folder, 'profiler.mjs')}` }
}
const us = loopbackAddress()
const program = await startProgram({
  app: 'all-in-one',
  ...(profile === undefined ? {} : { env: profilerOptions(profile) }),
  config(folder) {
    const names = Array.from({ length: 100_000 }, (_, i) => `name${i}.bench-list${i % 700}.com`)
    writeFileSync(join(folder, 'domains.txt'), `listed-example.org\n${names.join('\n')}\n`)
    return `
cache = "cache"
[[list]]
name = "bench"
source = "domains.txt"
newRoutesPerSecond = 0
[dnstap]
listen = "./dnstap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${us}"
nextHop = "192.0.2.9"
peers = ["${receiver.address}:${receiver.port}"]
[admin]
listen = "./admin.sock"
[log]
level = "warn"
`
  },
  ready: async (daemon) => (daemon.running ? await canConnect(join(daemon.folder, 'dnstap.sock')) : false),
})

function canConnect(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** User and system time of all threads, in seconds. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${program.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
const residentMb = () =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1] ?? 0) / 1000)
/** Until a second brings hardly any use of CPU. */
async function rest(): Promise<void> {
  let before = cpuSeconds()
  await waitFor(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const now = cpuSeconds()
      const used = now - before
      before = now
      return used <= 0.03
    },
    { timeoutMs: 120_000, what: 'the all-in-one to rest' },
  )
}

const work = { socket: join(program.folder, 'dnstap.sock'), frames: count, matching: 1, fresh: true, perSecond, pack: 33 }
const sender = fork(new URL('./sender.ts', import.meta.url), [JSON.stringify(work)], { execArgv: process.execArgv })
await new Promise<void>((resolve) => sender.once('message', () => resolve()))
await rest()
const residentBefore = residentMb()
const cpuBefore = cpuSeconds()
const started = performance.now()
if (profile !== undefined) program.signal('SIGUSR2')
sender.send('go')
await waitFor(() => receiver.prefixes() >= count + 1, {
  timeoutMs: 600_000,
  what: () => `${count + 1} prefixes; there are ${receiver.prefixes()}; the log:\n${program.log()}`,
})
const wallMs = performance.now() - started
await rest()
const used = cpuSeconds() - cpuBefore
const row = {
  case: 'a new address to the store and the UPDATE',
  addresses: count,
  'CPU µs/address': Math.round((used / count) * 1e8) / 100,
  target: TARGET_MICROSECONDS,
  'wall s': Math.round(wallMs / 10) / 100,
  prefixes: receiver.prefixes(),
  'RSS MB before': residentBefore,
  'RSS MB after': residentMb(),
}
sender.kill()
if (profile !== undefined) {
  const from = join(program.folder, 'all-in-one.cpuprofile')
  program.signal('SIGUSR2')
  await waitFor(() => existsSync(from) && readFileSync(from, 'utf8').endsWith('}'), { what: 'the profile' })
  copyFileSync(from, join(profile, 'all-in-one.cpuprofile'))
}
await program.remove()
if (process.argv.includes('--json')) console.log(JSON.stringify({ bench: 'new-address', rows: [row] }))
else console.table([row])
process.exit(0)
