/**
 * `npm run dev`: the all-in-one from its sources, started again when a file changes. A capture of a real Unbound is replayed into it every
 * few seconds, and a real BIRD takes its routes if one is installed. Its files are in run/dev.
 *
 * `npx dnstap-bgp status --config run/dev/dnstap-bgp.toml` asks it, once `npm run build` has made the command.
 */
import { birdCommand, isInstalled, startBird } from '@dnstap-bgp/testkit'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))
const folder = `${root}run/dev/`
const capture = readFileSync(`${root}libs/dns/dnstap/fixtures/unbound.fstrm`)
const REPLAY_EVERY_MS = 5000
const US = '127.0.0.1'
const ROUTER = { address: '127.0.0.2', port: 1179, asn: 64512 }

const CONFIGURATION = `# Made by npm run dev. Edit it: it is kept.
domains = "domains.txt"
cache = "cache"
ttl = "1m"
[dnstap]
listen = "./dnstap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "${US}"
nextHop = "192.0.2.9"
nextHopIPv6 = "2001:db8::9"
peers = ["${ROUTER.address}:${ROUTER.port}"]
[admin]
listen = "./admin.sock"
[log]
level = "debug"
`

spawnSync(process.execPath, [`${root}tools/nx.mjs`, 'codegen', 'steering', '--outputStyle=static'], {
  cwd: root,
  stdio: 'ignore',
})
mkdirSync(folder, { recursive: true })
keep('dnstap-bgp.toml', CONFIGURATION)
keep('domains.txt', 'plain.lab\n')

const bird = isInstalled('bird')
  ? await startBird({ ...ROUTER, peerAddress: US, peerAsn: 64512, families: ['ipv4', 'ipv6'] })
  : undefined
console.log(
  bird === undefined ? 'BIRD is not installed: routes go nowhere.' : `BIRD runs: birdc -s ${bird.folder}/ctl show route`,
)

const program = spawn(
  process.execPath,
  ['--watch', '--import', 'tsx', `${root}apps/all-in-one/src/main.ts`, '--config', `${folder}dnstap-bgp.toml`],
  { cwd: root, stdio: 'inherit' },
)
const replaying = setInterval(replay, REPLAY_EVERY_MS)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => program.kill(signal))
program.once('exit', () => {
  clearInterval(replaying)
  void bird?.remove()
})

function keep(file: string, text: string): void {
  if (!existsSync(folder + file)) writeFileSync(folder + file, text)
}

/** The file is a Frame Streams file: what a sender says on a one-way connection. */
function replay(): void {
  const socket = connect(`${folder}dnstap.sock`)
  socket.on('error', () => undefined) // It is just starting.
  socket.end(capture)
  if (bird !== undefined)
    birdCommand(bird.folder, 'show route count').then(
      (text) => console.log(`BIRD: ${/Total: (.*)/.exec(text)?.[1]}`),
      () => undefined,
    )
}
