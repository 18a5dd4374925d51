/** What an operator gets wrong: each is one clear sentence and an exit code, and nothing is destroyed. */
import { adminJson, askAdmin, freePort, runToEnd, startProgram, type Daemon } from '@dnstap-bgp/testkit'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let folder: string
const opened: (Server | Daemon)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-bad-'))
  writeFileSync(join(folder, 'domains.txt'), 'example.org\n')
})
afterEach(async () => {
  for (const one of opened.splice(0)) {
    if ('remove' in one) await one.remove()
    else await new Promise((resolve) => one.close(resolve))
  }
  rmSync(folder, { recursive: true, force: true })
})

const GOOD = `
domains = "domains.txt"
cache = "cache"
[dnstap]
listen = "./tap.sock"
[bgp]
as = 64512
routerID = "192.0.2.1"
nextHop = "192.0.2.9"
peers = []
[admin]
listen = "off"
`

/** Runs the all-in-one with this configuration to its end. */
async function fails(config: string | undefined, ...more: string[]) {
  const path = join(folder, 'dnstap-bgp.toml')
  if (config !== undefined) writeFileSync(path, config)
  return runToEnd('all-in-one', ['--config', path, ...more])
}

function listen(where: string | number): Promise<Server> {
  const server = createServer()
  opened.push(server)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where as number, () => resolve(server))
  })
}

/** Our own words only: a stack would name a file of ours. */
const withoutStack = (output: string) => expect(output).not.toMatch(/\n\s+at /)

describe('the all-in-one does not start, and says why, when', () => {
  test('no configuration is named', async () => {
    const { code, output } = await runToEnd('all-in-one', ['--config', ''])
    expect(code).toBe(2)
    expect(output).toMatch(/No configuration file was named\. Usage: dnstap-bgp run \[--config FILE\]/)
  })

  test('its routes or its messages would have to go to servers that it does not use', async () => {
    const { code, output } = await fails(`${GOOD}[bus]\nservers = "192.0.2.4"\n[store]\nredis = "192.0.2.5"\n`)
    expect(code).toBe(2)
    expect(output).toMatch(/store\.redis: not used by the all-in-one: .*cache = "FILE"/)
    expect(output).toMatch(/bus\.servers: not used by the all-in-one/)
    withoutStack(output)
  })

  test('an argument is unknown', async () => {
    const { code, output } = await fails(GOOD, '--confg', 'x')
    expect(code).toBe(2)
    expect(output).toMatch(/--confg/)
  })

  test('the configuration is not there', async () => {
    const { code, output } = await fails(undefined)
    expect(code).toBe(2)
    expect(output).toMatch(/dnstap-bgp\.toml/)
    withoutStack(output)
  })

  test('the configuration has mistakes: all are told at once, each with its line', async () => {
    const { code, output } = await fails(
      GOOD.replace('as = 64512', 'as = "many"').replace('listen = "./tap.sock"', 'lisen = "./tap.sock"'),
    )
    expect(code).toBe(2)
    expect(output).toMatch(/dnstap-bgp\.toml:5: .*lisen.*did you mean.*listen/is)
    expect(output).toMatch(/dnstap-bgp\.toml:7: .*as.*"many"/i)
    withoutStack(output)
  })

  test.each([
    ['is missing', () => rmSync(join(folder, 'domains.txt'))],
    ['is empty', () => writeFileSync(join(folder, 'domains.txt'), '# nothing\n')],
  ])('a list %s', async (_what, happen) => {
    happen()
    const { code, output } = await fails(GOOD)
    expect(code).toBe(1)
    expect(output).toMatch(/list "default".*domains\.txt/)
    withoutStack(output)
  })

  test('a regular file is in the place of the socket, and it is left alone', async () => {
    writeFileSync(join(folder, 'tap.sock'), 'precious')
    const { code, output } = await fails(GOOD)
    expect(code).toBe(1)
    expect(output).toMatch(/tap\.sock/)
    expect(readFileSync(join(folder, 'tap.sock'), 'utf8')).toBe('precious')
    withoutStack(output)
  })

  test('another process listens on the socket, and it keeps the socket', async () => {
    await listen(join(folder, 'tap.sock'))
    const { code, output } = await fails(GOOD)
    expect(code).toBe(1)
    expect(output).toMatch(/tap\.sock/)
    await new Promise<void>((resolve, reject) => {
      const socket = connect(join(folder, 'tap.sock'), () => {
        socket.destroy()
        resolve()
      })
      socket.once('error', reject)
    })
    withoutStack(output)
  })

  test('a port is taken', async () => {
    const port = await freePort('127.0.0.1')
    await new Promise<void>((resolve) => opened.push(createServer().listen(port, '127.0.0.1', resolve)))
    const { code, output } = await fails(GOOD.replace('"./tap.sock"', `"127.0.0.1:${port}"`))
    expect(code).toBe(1)
    expect(output).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}`))
    withoutStack(output)
  })

  test('the store is locked by another process, which goes on', async () => {
    const other = await startProgram({
      app: 'all-in-one',
      config: () => GOOD.replace('domains.txt', join(folder, 'domains.txt')).replace('"cache"', `"${join(folder, 'cache')}"`),
    })
    opened.push(other)
    const { code, output } = await fails(GOOD)
    expect(code).toBe(1)
    expect(output).toMatch(/cache/)
    expect(other.running).toBe(true)
    withoutStack(output)
  })

  test.each([
    ['is no store', Buffer.from('something else entirely, and longer than a page'.repeat(200))],
    ['is the ancestor’s Bolt file', boltFile()],
  ])('the store %s, and the file stays as it is', async (_what, bytes) => {
    writeFileSync(join(folder, 'cache'), bytes)
    const { code, output } = await fails(GOOD)
    expect(code).toBe(1)
    expect(output).toMatch(/cache/)
    expect(readFileSync(join(folder, 'cache'))).toEqual(bytes)
    withoutStack(output)
  })
})

describe('a store of ours that cannot be read', () => {
  /** Runs the program once, lets `spoil` change its store, and runs it again on that store. */
  async function startOn(spoil: (bytes: Buffer) => Buffer) {
    const program = await startProgram({
      app: 'all-in-one',
      config: (own) => GOOD.replace('domains.txt', join(folder, 'domains.txt')).replace('"off"', `"${join(own, 'admin.sock')}"`),
    })
    opened.push(program)
    await program.stop()
    const file = join(program.folder, 'cache', '1.part')
    const spoilt = spoil(readFileSync(file))
    writeFileSync(file, spoilt)
    await program.restart()
    const admin = join(program.folder, 'admin.sock')
    const { parts } = await adminJson<{ parts: { name: string; state: string; why: string }[] }>(admin, '/api/status')
    const { status } = await askAdmin(admin, 'POST', '/api/backup')
    await program.stop()
    return {
      log: program.log(),
      health: parts.find(({ name }) => name === 'store'),
      unchanged: readFileSync(file).equals(spoilt),
      status,
    }
  }

  test.each([
    ['is damaged', (bytes: Buffer) => withOctet(bytes, 70, 0xff), /is damaged: .*addresses are learnt anew/],
    ['is of a newer version', (bytes: Buffer) => withOctet(bytes, 16, 9), /is of version 9/],
  ])('and %s: it stays as it is, and the rest goes on in memory and says so', async (_what, spoil, sentence) => {
    const { log, health, unchanged, status } = await startOn(spoil)
    expect(log).toMatch(sentence)
    expect(health).toMatchObject({ state: 'degraded', why: expect.stringMatching(sentence) as string })
    expect(unchanged).toBe(true)
    expect(status).toBe(404)
  })
})

test('a backup of the store is made while it is in use, and is a store', async () => {
  const program = await startProgram({
    app: 'all-in-one',
    config: (own) => GOOD.replace('domains.txt', join(folder, 'domains.txt')).replace('"off"', `"${join(own, 'admin.sock')}"`),
  })
  opened.push(program)
  const { status, text } = await askAdmin(join(program.folder, 'admin.sock'), 'POST', '/api/backup')
  expect(status).toBe(200)
  const answer = JSON.parse(text) as { path: string; bytes: number }
  expect(answer).toEqual({
    path: join(program.folder, 'cache.backup'),
    bytes: statSync(join(program.folder, 'cache.backup')).size,
  })
  await program.stop()
  rmSync(join(program.folder, 'cache'), { recursive: true })
  renameSync(answer.path, join(program.folder, 'cache'))
  await program.restart()
  expect(program.log()).not.toMatch(/damaged/)
})

test('a stale socket, whose process was killed, is replaced', async () => {
  const program = await startProgram({
    app: 'all-in-one',
    config: () => GOOD.replace('domains.txt', join(folder, 'domains.txt')),
  })
  opened.push(program)
  await program.kill()
  expect(statSync(join(program.folder, 'tap.sock')).isSocket()).toBe(true)
  await program.restart()
  expect(await program.stop()).toBe(0)
  expect(existsSync(join(program.folder, 'tap.sock'))).toBe(false)
})

function withOctet(bytes: Buffer, at: number, octet: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = octet
  return changed
}

/** Two pages of Bolt: its magic stands at offset 16. */
function boltFile(): Buffer {
  const bytes = Buffer.alloc(8192)
  bytes.writeUInt32LE(0xed0cdaed, 16)
  bytes.writeUInt32LE(2, 20)
  bytes.writeUInt32LE(0xed0cdaed, 4096 + 16)
  return bytes
}
