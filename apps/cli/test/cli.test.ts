/** The command as a user runs it: the built bundle, its words and its exit codes. */
import { ADMIN_API, type AdminEndpoint } from '@dnstap-bgp/admin-api'
import { AdminClient } from '@dnstap-bgp/admin-client'
import { bundleOf, runToEnd, startProgram, type Daemon } from '@dnstap-bgp/testkit'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FormatRegistry } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'

const CAPTURE = fileURLToPath(new URL('../../../libs/dns/dnstap/fixtures/unbound.fstrm', import.meta.url))

let folder: string
let config: string
const cli = (...args: string[]) => runToEnd('cli', args)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-cli-'))
  config = join(folder, 'dnstap-bgp.toml')
  writeFileSync(join(folder, 'domains.txt'), 'example.lab\nbad name here!\n@@||not.example.lab^\n')
  writeFileSync(join(folder, 'plain.txt'), '# ours\nlab\nxn--bcher-kva.example\n*.wild.example\n')
  writeFileSync(
    config,
    `
ipv6 = true
[[list]]
name = "lab"
source = "plain.txt"
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
nextHop = "192.0.2.9"
nextHopIPv6 = "2001:db8::9"
peers = []
[never]
allow = ["0.0.0.0/0", "::/0"]
[admin]
listen = "./admin.sock"
`,
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('credentials of a NATS cluster and of Sentinels are made when they are asked for', async () => {
  const made = join(folder, 'ha')
  const routes = ['--nats-route', '192.0.2.1:6222', '--nats-route', '[2001:db8::2]:6222']
  expect(await cli('credentials', made, ...routes, '--sentinel')).toMatchObject({ code: 0 })
  const read = (...path: string[]) => readFileSync(join(made, ...path), 'utf8')
  const password = read('nats', 'cluster-password')
  expect(read('nats', 'cluster.conf')).toBe(
    `authorization { user: cluster, password: "${password}" }\nroutes: [\n  "nats-route://cluster:${password}@192.0.2.1:6222"\n  "nats-route://cluster:${password}@[2001:db8::2]:6222"\n]\n`,
  )
  expect(read('redis', 'sentinel.conf')).toContain(`requirepass ${read('cache', 'sentinel-password')}\n`)
  expect(read('redis', 'users.acl').match(/^user \S+/gm)).toEqual([
    'user default',
    'user health',
    'user dnstap-bgp',
    'user replica',
    'user sentinel',
  ])
})

test('`credentials` takes one folder, and groups by number', async () => {
  expect(await cli('credentials')).toEqual({ code: 2, output: 'credentials takes one folder. Try: dnstap-bgp --help\n' })
  const { code, output } = await cli('credentials', join(folder, 'credentials'), '--group', 'nobody=5')
  expect(code).toBe(2)
  expect(await cli('credentials', join(folder, 'credentials'), '--nats-route', 'no port')).toMatchObject({ code: 2 })
  expect(output).toContain('FOLDER of nats, redis, dnstap-ingest, cache, bgp-announcer, sync-gateway, not "nobody=5"')
})

test.each([['-config', 'missing.conf'], ['-config=missing.conf']])('run as dnstap-bgp 1.1 was (%s %s)', async (...args) => {
  const { code, output } = await cli(...args)
  expect(output).toContain('missing.conf')
  expect(output).not.toContain('--help')
  expect(code).toBe(2)
})

test('a command whose output nobody reads any more ends without a word', async () => {
  const child = spawn(process.execPath, [bundleOf('cli'), '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy() // before Node has even started
  const complaint = await text(child.stderr)
  expect(complaint).toBe('')
  expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(141)
})

test('--version and --help answer and exit 0', async () => {
  expect(await cli('--version')).toEqual({ code: 0, output: 'dnstap-bgp 2.0.0\n' })
  const { code, output } = await cli('--help')
  expect(code).toBe(0)
  for (const command of [
    'run',
    'credentials',
    'check',
    'match',
    'replay',
    'doctor',
    'status',
    'senders',
    'lists',
    'peers',
    'routes',
    'explain',
    'forget',
    'backup',
  ])
    expect(output).toContain(`  ${command}`)
})

test.each([
  [[]],
  [['nonsense']],
  [['explain']],
  [['match']],
  [['match', 'x.lab', '--hold-down', '1h']],
  [['match', 'x.lab', '--accept', 'lab']],
  [['peers', '--hard']],
  [['replay']],
  [['--nonsense']],
  [['backup', 'elsewhere']],
  [['status', '--admin', 'nonsense']],
  [['run', '--nonsense']],
  [['run', '--service', 'nonsense']],
])('%j is a usage error: exit 2', async (args) => {
  expect((await cli(...args)).code).toBe(2)
})

test('run takes the configuration that the other commands take, and says how it is called', async () => {
  expect(await cli('run', '--help')).toMatchObject({
    code: 0,
    output: expect.stringContaining('dnstap-bgp run [--service NAME]') as string,
  })
  const checkout = mkdtempSync(join(tmpdir(), 'dnstap-bgp-checkout-'))
  mkdirSync(join(checkout, 'run'))
  writeFileSync(join(checkout, 'run', 'dnstap-bgp.toml'), 'domains = 5\n')
  try {
    const { code, output } = await runToEnd('cli', ['run'], { cwd: checkout })
    expect(output).toMatch(/run\/dnstap-bgp\.toml:1: domains/)
    expect(code).toBe(2)
  } finally {
    rmSync(checkout, { recursive: true, force: true })
  }
})

test('check says what would be loaded', async () => {
  const { code, output } = await cli('check', '--config', config)
  expect(output).toMatch(/is sound/)
  expect(output).toMatch(/lab\s+fresh\s+plain\s+3/)
  expect(output).toMatch(/in the running instance: none answers/)
  expect(code).toBe(0)
})

test('check tells the mistakes of a configuration and exits 2', async () => {
  const broken = join(folder, 'broken.toml')
  writeFileSync(broken, 'domains = 5\n[bgp]\nas = 0\n')
  const { code, output } = await cli('check', '--config', broken)
  expect(code).toBe(2)
  expect(output).toMatch(/broken\.toml:1: domains/)
  expect(output).toMatch(/broken\.toml:3: bgp\.as/)
})

/** All that a configuration of the all-in-one needs, but lists. */
const REST = `
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
nextHop = "192.0.2.9"
peers = []
[admin]
listen = "./admin.sock"
`

test('check says that nothing would start if a list cannot be read, and exits 1', async () => {
  const lost = join(folder, 'lost.toml')
  writeFileSync(lost, `domains = "nowhere.txt"\n${REST}`)
  const { code, output } = await cli('check', '--config', lost)
  expect(code).toBe(1)
  expect(output).not.toMatch(/is sound/)
  expect(output).toMatch(/it would not start: list "default": .*nowhere\.txt: there is no such file/)
})

test('check says what a program needs that the file does not have: the all-in-one, or the one that is named', async () => {
  const part = join(folder, 'part.toml')
  writeFileSync(part, 'domains = "plain.txt"\n[bus]\nservers = "nats://192.0.2.7:4222"\n[store]\nredis = "192.0.2.8:6379"\n')
  const alone = await cli('check', '--config', part)
  expect(alone.code).toBe(2)
  expect(alone.output).toMatch(/dnstap: missing/)
  expect(alone.output).toMatch(/bgp: missing/)
  const cache = await cli('check', '--config', part, '--service', 'cache')
  expect(cache.output).toMatch(/part\.toml is sound for cache/)
  expect(cache.code).toBe(0)
})

test('check finds a store that is the cache of dnstap-bgp 1, and a socket whose folder is missing', async () => {
  const bolt = Buffer.alloc(32_768)
  bolt.writeUInt32LE(0xed0cdaed, 16)
  writeFileSync(join(folder, 'old.cache'), bolt)
  const old = join(folder, 'old.toml')
  writeFileSync(old, `domains = "plain.txt"\ncache = "old.cache"\n${REST.replace('./tap.sock', './not-there/tap.sock')}`)
  const { code, output } = await cli('check', '--config', old)
  expect(code).toBe(1)
  expect(output).toMatch(/it would not start: .*old\.cache is a cache of dnstap-bgp 1 \(Bolt\)/)
  expect(output).toMatch(/the folder of .*not-there\/tap\.sock does not exist/)
  expect(readFileSync(join(folder, 'old.cache')).equals(bolt)).toBe(true)
})

test('match says which list is missing in its answer', async () => {
  const state = join(folder, 'dead.toml')
  writeFileSync(
    state,
    `[[list]]\nname = "lab"\nsource = "plain.txt"\n[[list]]\nname = "dead"\nsource = "http://127.0.0.1:1/list.txt"\n`,
  )
  const { code, output } = await cli('match', 'x.lab', '--config', state)
  expect(output).toMatch(/x\.lab: lab \(lab\)/)
  expect(output).toMatch(
    /List "dead" could not be loaded and decided nothing here: http:\/\/127\.0\.0\.1:1\/list\.txt: the connection is refused/,
  )
  expect(code).toBe(0)
})

test('match answers for the valid names, then says which are invalid: exit 2', async () => {
  const { code, output } = await cli('match', 'x.lab', 'foo bar', '--config', config)
  expect(output).toMatch(/x\.lab: lab \(lab\)/)
  expect(output).toMatch(/"foo bar" is no domain name/)
  expect(code).toBe(2)
})

test('check warns of an address to listen on that nobody has, and of addresses in a list that are not routed', async () => {
  writeFileSync(join(folder, 'mixed.txt'), 'a.example\n198.51.100.0/24\n')
  const far = join(folder, 'far.toml')
  writeFileSync(far, `domains = "mixed.txt"\n${REST}[syncer]\nlisten = "192.0.2.254:8054"\npeers = ["192.0.2.65:8054"]\n`)
  const { code, output } = await cli('check', '--config', far)
  expect(output).toMatch(/this machine has no address 192\.0\.2\.254 to listen on/)
  expect(output).toMatch(/the addresses in list "default" \(1\) are not routed: it lacks addresses = true/)
  expect(code).toBe(0)
})

test('match says which rule of which list decides', async () => {
  const { code, output } = await cli('match', 'WWW.Bücher.example', 'x.com', '--config', config)
  expect(code).toBe(0)
  expect(output).toMatch(/www\.xn--bcher-kva\.example: lab \(xn--bcher-kva\.example\)/)
  expect(output).toMatch(/x\.com: no list/)
})

describe('replay', () => {
  test('says which routes a real capture would have made', async () => {
    const { code, output } = await cli('replay', CAPTURE, '--config', config, '--json')
    expect(code).toBe(0)
    const answer = JSON.parse(output) as { frames: number; matched: number; routes: { prefix: string }[]; speed: string }
    expect(answer.frames).toBe(2005)
    expect(answer.matched).toBeGreaterThan(100)
    expect(answer.routes.length).toBeGreaterThan(20)
    expect(answer.speed).toMatch(/frames a second/)
  })

  test('refuses a file that is no capture', async () => {
    const { code, output } = await cli('replay', config, '--config', config)
    expect(code).toBe(1)
    expect(output).toMatch(/is no dnstap capture/)
  })
})

describe('a running instance', () => {
  let program: Daemon
  const ask = (...args: string[]) => cli(...args, '--admin', join(program.folder, 'admin.sock'))

  beforeAll(async () => {
    program = await startProgram({
      app: 'all-in-one',
      config: () => `
[[list]]
name = "lab"
source = "${join(folder, 'plain.txt')}"
addresses = true
${REST}`,
    })
  })
  afterAll(() => program.remove())

  test('tells its status, lists, peers and routes', async () => {
    expect((await ask('status')).output).toMatch(/program: all-in-one/)
    expect((await ask('lists')).output).toMatch(/lab\s.*fresh/)
    expect(await ask('senders')).toEqual({ code: 0, output: 'No sender is connected.\n' })
    expect((await ask('peers')).output).toMatch(/No peers\./)
    expect((await ask('routes')).output).toMatch(/No routes\./)
  })

  test('replies as the contract of the admin API says', async () => {
    FormatRegistry.Set('date-time', (text) => !Number.isNaN(Date.parse(text)))
    const place = { kind: 'unix', path: join(program.folder, 'admin.sock') } as const
    const client = new AdminClient({ places: [place], token: undefined })
    const queries: Record<string, Record<string, string>> = { explain: { subject: 'www.lab' }, match: { name: 'www.lab' } }
    for (const [name, endpoint] of Object.entries(ADMIN_API)) {
      if (endpoint.method !== 'GET' || endpoint === ADMIN_API.syncPeers) continue
      const reply: unknown = await client.call<AdminEndpoint>(endpoint, { query: queries[name] ?? {} })
      expect([...Value.Errors(endpoint.reply, reply)], name).toEqual([])
    }
  })

  test('explains, forgets, and answers a subject that makes no sense with a sentence', async () => {
    expect((await ask('explain', 'www.lab')).output).toMatch(/Listed, but no answer with an address has been seen/)
    expect((await ask('explain', '127.0.0.1')).output).toMatch(/never list has it/)
    expect((await ask('forget', '203.0.113.1')).output).toMatch(/Nothing was bound to it\./)
    expect(await ask('forget', 'x.lab', '--hold-down', 'soon')).toMatchObject({
      code: 1,
      output: expect.stringMatching(/a duration such as "1h" expected/) as string,
    })
    expect((await ask('lists', '--accept', 'nonsense')).output).toMatch(/there is no such list; there are lab/)
  })

  test('check shows what the file, as it is now, would change', async () => {
    const file = join(program.folder, 'dnstap-bgp.toml')
    const written = readFileSync(file, 'utf8')
    // Another file: the one that is in use would be read again by itself.
    const next = (...names: string[]) => writeFileSync(join(folder, 'next.txt'), names.map((name) => `${name}\n`).join(''))
    const checkOf = (edited: string) => {
      writeFileSync(file, edited.replace('plain.txt', 'next.txt'))
      return cli('check', '--config', file)
    }
    next('lab', 'xn--bcher-kva.example', '*.wild.example', 'new.example', 'newer.example')
    expect((await checkOf(written)).output).toMatch(/in the running instance: lab: \+2 −0 names; 0 live routes would go\n/)
    expect((await checkOf(written.replace('name = "lab"', 'name = "other"'))).output).toMatch(
      /in the running instance: other: \+5 −0 names; lab: gone; 0 live routes would go\n/,
    )
    expect((await checkOf(written.replace('64512', '64513'))).output).toMatch(
      /0 live routes would go; a restart is needed for bgp\.as\n/,
    )
    next('# nothing')
    expect((await checkOf(written)).output).toMatch(/it would not start: list "lab": .*next\.txt holds no rule/)
    writeFileSync(file, written)
  })

  test('accept says when there was nothing to take, and exits 1', async () => {
    unlinkSync(join(folder, 'plain.txt'))
    const { code, output } = await ask('lists', '--accept', 'lab')
    expect(output).toMatch(/List "lab" was not taken, it is refused: .*plain\.txt: there is no such file/)
    expect(code).toBe(1)
    writeFileSync(join(folder, 'plain.txt'), 'x.lab\n')
    expect(await ask('lists', '--accept', 'lab')).toMatchObject({ code: 0 })
  })
})

describe('a running instance that keeps its lists', () => {
  let program: Daemon
  let server: Server
  let body = 'a.example\nb.example\nc.example\n'
  const asked: (string | undefined)[] = []

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.headers['if-none-match'])
      response.writeHead(200, { etag: `"${body.length}"` }).end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    program = await startProgram({
      app: 'all-in-one',
      config: () =>
        `cache = "cache"\n[[list]]\nname = "url"\nsource = "http://127.0.0.1:${port}/list.txt"\n${REST}token = "sesame"\n`,
    })
  })
  afterAll(async () => {
    await program.remove()
    server.close()
  })

  test('is not disturbed by check, match and replay, and check asks the URL itself each time', async () => {
    const state = join(program.folder, 'lists')
    const inventory = () => readdirSync(state).map((name) => `${name} ${statSync(join(state, name)).mtimeMs}`)
    writeFileSync(join(state, '.download-0123'), 'half a list')
    const before = inventory()
    expect(before).toHaveLength(3)
    const file = join(program.folder, 'dnstap-bgp.toml')
    expect((await cli('match', 'www.a.example', '--config', file)).output).toMatch(/www\.a\.example: url/)
    await cli('replay', CAPTURE, '--config', file)
    expect(asked).toEqual([undefined])

    body = 'a.example\nb.example\nd.example\n'
    for (let time = 1; time <= 2; time++) {
      const { output } = await cli('check', '--config', file)
      expect(output).toMatch(/in the running instance: url: \+1 −1 names; 0 live routes would go\n/)
      expect(asked).toHaveLength(1 + 2 * time) // the command, and the instance for its preview
    }
    body = 'a.example\n'
    const { code, output } = await cli('check', '--config', file)
    expect(output).toMatch(/url would be refused: .*shrank from 3 rules to 1/)
    expect(output).toMatch(/in the running instance: url: would be refused \(.*shrank from 3 rules to 1/)
    expect(code).toBe(1)
    expect(inventory()).toEqual(before)
  })

  test('that refuses to answer is not reported as away', async () => {
    const file = join(program.folder, 'stranger.toml')
    const written = readFileSync(join(program.folder, 'dnstap-bgp.toml'), 'utf8')
    body = 'a.example\nb.example\nc.example\n'
    writeFileSync(file, written.replace('sesame', 'wrong'))
    expect((await cli('check', '--config', file)).output).toMatch(/in the running instance: it cannot be told: .*refused: /)
  })
})

test('that is not there is a sentence', async () => {
  const { code, output } = await cli('status', '--admin', join(folder, 'nobody.sock'))
  expect(code).toBe(1)
  expect(output).toMatch(/Nothing answers at/)
})
