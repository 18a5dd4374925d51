import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeListenAddress, type ListenAddress } from './listen-address.ts'
import { ListenError } from './listen-error.ts'
import { listenOn, listening, type Listening, type ListenOptions } from './listen-on.ts'

let folder: string
let path: string
const servers: Server[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-net-'))
  path = join(folder, 'x.sock')
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map(closed))
  chmodSync(folder, 0o755)
  rmSync(folder, { recursive: true })
})

const closed = (server: Server) => new Promise((resolve) => server.close(resolve))

async function start(
  address: ListenAddress = { kind: 'unix', path },
  options: Partial<ListenOptions> = {},
): Promise<Listening & { server: Server }> {
  const server = createServer()
  const opened = await listenOn(server, address, { who: 'the server ([x] listen)', ...options })
  servers.push(server)
  return { ...opened, server }
}

test('a port of 0 becomes the one that the system chose; a taken port is one sentence', async () => {
  const { address } = await start({ kind: 'tcp', host: '127.0.0.1', port: 0 })
  expect(describeListenAddress(address)).toMatch(/^127\.0\.0\.1:[1-9]\d*$/)
  await expect(start(address)).rejects.toMatchObject({
    name: 'ListenError',
    code: 'EADDRINUSE',
    address,
    message: `the server ([x] listen) cannot listen on ${describeListenAddress(address)}: another process listens there`,
  })
})

test('an address is written with brackets around IPv6, and without a host for every address', () => {
  expect(describeListenAddress({ kind: 'tcp', host: '2001:db8::1', port: 53 })).toBe('[2001:db8::1]:53')
  expect(describeListenAddress({ kind: 'tcp', host: undefined, port: 53 })).toBe(':53')
})

describe('a UNIX socket', () => {
  test('has its mode, owner and group from the first moment', async () => {
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
    await start(undefined, { mode: 0o606, owner: String(uid), group: String(gid) })
    const stat = lstatSync(path)
    expect([stat.isSocket(), (stat.mode & 0o777).toString(8), stat.uid, stat.gid]).toEqual([true, '606', uid, gid])
  })

  test('has mode 0660 unless another is given', async () => {
    await start()
    expect(lstatSync(path).mode & 0o777).toBe(0o660)
  })

  test('is removed after close, and nothing is left beside it', async () => {
    const { server, file } = await start()
    await closed(server)
    file?.remove()
    expect(readdirSync(folder)).toEqual([])
  })

  test('that another process has replaced is not in place, and is not removed', async () => {
    const first = await start()
    rmSync(path)
    expect(first.file?.isInPlace).toBe(false)
    const second = await start()
    await closed(first.server)
    first.file?.remove()
    expect([first.file?.isInPlace, second.file?.isInPlace, existsSync(path)]).toEqual([false, true, true])
  })

  test('on which no process answers is replaced', async () => {
    const stale = createServer()
    await listening(stale, { path })
    renameSync(path, `${path}.kept`) // close() would unlink it
    await closed(stale)
    renameSync(`${path}.kept`, path)
    const { file } = await start()
    expect(file?.isInPlace).toBe(true)
  })

  test('on which another process answers is left alone', async () => {
    const { file } = await start()
    await expect(start()).rejects.toThrow(`${path}: another process listens there (its socket was left alone)`)
    expect(file?.isInPlace).toBe(true)
  })

  test('does not replace a file, a folder or a link', async () => {
    const sentence = `the server ([x] listen) cannot listen on ${path}: a file that is no socket is there`
    writeFileSync(path, 'precious')
    await expect(start()).rejects.toThrow(sentence)
    expect(readFileSync(path, 'utf8')).toBe('precious')
    rmSync(path)
    symlinkSync('nowhere', path)
    await expect(start()).rejects.toThrow(sentence)
    rmSync(path)
    mkdirSync(path)
    await expect(start()).rejects.toThrow(sentence)
    expect(readdirSync(folder)).toEqual(['x.sock'])
  })

  test.each([
    ['no folder', () => join(folder, 'missing', 'x.sock'), {}, 'missing does not exist'],
    ['a path too long', () => join(folder, 'x'.repeat(110)), {}, 'longer than 107 bytes'],
    ['a folder that is a file', () => join(path, 'x.sock'), {}, 'a part of the path is no folder'],
    ['no such user', () => path, { owner: 'nobody-of-that-name' }, 'there is no user nobody-of-that-name'],
    ['no such group', () => path, { group: 'nobody-of-that-name' }, 'there is no group nobody-of-that-name'],
  ])('%s: one sentence says so', async (name, where, options, sentence) => {
    if (name === 'a folder that is a file') writeFileSync(path, '')
    const failing = start({ kind: 'unix', path: where() }, options)
    await expect(failing).rejects.toThrow(ListenError)
    await expect(failing).rejects.toThrow(sentence)
  })
})
