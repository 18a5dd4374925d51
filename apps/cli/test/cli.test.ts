/** The command as a user runs it: the built bundle, its words and its exit codes. */
import { runToEnd, startProgram, type Daemon } from '@dnstap-bgp/testkit'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

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

test('--version and --help answer and exit 0', async () => {
  expect(await cli('--version')).toEqual({ code: 0, output: 'dnstap-bgp 2.0.0\n' })
  const { code, output } = await cli('--help')
  expect(code).toBe(0)
  for (const command of ['run', 'check', 'match', 'replay', 'status', 'senders', 'lists', 'peers', 'routes', 'explain', 'forget'])
    expect(output).toContain(`  ${command}`)
})

test.each([
  [[]],
  [['nonsense']],
  [['explain']],
  [['match']],
  [['replay']],
  [['--nonsense']],
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

test('check says of a list that cannot be had that nothing would start, and exits 1', async () => {
  const lost = join(folder, 'lost.toml')
  writeFileSync(lost, 'domains = "nowhere.txt"\n')
  const { code, output } = await cli('check', '--config', lost)
  expect(code).toBe(1)
  expect(output).toMatch(/lost\.toml is sound/)
  expect(output).toMatch(/it would not start: list "default": .*nowhere\.txt: there is no such file/)
})

test('match says which rule of which list decides', async () => {
  const { code, output } = await cli('match', 'WWW.Bücher.example', 'x.com', '--config', config)
  expect(code).toBe(0)
  expect(output).toMatch(/www\.xn--bcher-kva\.example: lab \(xn--bcher-kva\.example\)/)
  expect(output).toMatch(/x\.com: no list/)
})

describe('replay', () => {
  test('says what a real capture would have routed', async () => {
    const { code, output } = await cli('replay', CAPTURE, '--config', config, '--json')
    expect(code).toBe(0)
    const answer = JSON.parse(output) as { frames: number; matched: number; routes: { prefix: string }[]; speed: string }
    expect(answer.frames).toBe(2005)
    expect(answer.matched).toBeGreaterThan(100)
    expect(answer.routes.length).toBeGreaterThan(20)
    expect(answer.speed).toMatch(/frames a second/)
  })

  test('refuses what is no capture', async () => {
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
  })
  afterAll(() => program.remove())

  test('tells its status, lists, peers and routes', async () => {
    expect((await ask('status')).output).toMatch(/program: all-in-one/)
    expect((await ask('lists')).output).toMatch(/lab\s.*fresh/)
    expect((await ask('senders')).code).toBe(0)
    expect((await ask('peers')).output).toMatch(/No peers\./)
    expect((await ask('routes')).output).toMatch(/No routes\./)
  })

  test('explains, forgets, and answers what makes no sense with a sentence', async () => {
    expect((await ask('explain', 'www.lab')).output).toMatch(/Listed, but no answer with an address has been seen/)
    expect((await ask('explain', '127.0.0.1')).output).toMatch(/never list has it/)
    expect((await ask('forget', '203.0.113.1')).output).toMatch(/forgotten: 0/)
    expect(await ask('forget', 'x.lab', '--hold-down', 'soon')).toMatchObject({
      code: 1,
      output: expect.stringMatching(/a duration such as "1h" expected/) as string,
    })
    expect((await ask('lists', '--accept', 'nonsense')).output).toMatch(/there is no such list; there are lab/)
  })

  test('check shows what a changed list would do to it', async () => {
    writeFileSync(join(folder, 'plain.txt'), 'lab\nnew.example\n')
    const { output } = await cli('check', '--config', join(program.folder, 'dnstap-bgp.toml'))
    expect(output).toMatch(/lab: \+\d+ −\d+ names/)
  })
})

test('--admin takes the token from the configuration, else from the environment', async () => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization ?? 'none')
    response.end('[]')
  })
  const socket = join(folder, 'token.sock')
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  const file = join(folder, 'token.toml')
  writeFileSync(file, '[admin]\ntoken = "sesame"\n')
  const ask = (args: string[], env?: NodeJS.ProcessEnv) =>
    runToEnd('cli', ['peers', '--admin', socket, ...args], env === undefined ? {} : { env })
  await ask(['--config', file])
  await ask(['--config', '/nowhere.toml'], { DNSTAP_BGP_ADMIN_TOKEN: 'simsim' })
  await ask(['--config', '/nowhere.toml'])
  expect(asked).toEqual(['Bearer sesame', 'Bearer simsim', 'none'])
  await new Promise((resolve) => server.close(resolve))
})

test('nobody there is a sentence', async () => {
  const { code, output } = await cli('status', '--admin', join(folder, 'nobody.sock'))
  expect(code).toBe(1)
  expect(output).toMatch(/Nothing answers at/)
})
