import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { waitFor } from '@dnstap-bgp/testkit'
import { describeListenAddress, ListenError, type ListenAddress } from '@dnstap-bgp/net'
import { describe, expect, test } from 'vitest'
import { Sender } from '../testing/sender.ts'
import { clock, folder, frames, path, sender, start } from '../testing/server-under-test.ts'

describe('the socket file', () => {
  test('has its mode, owner and group from the first moment', async () => {
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
    await start({ mode: 0o606, owner: String(uid), group: String(gid) })
    const stat = lstatSync(path)
    expect(stat.isSocket()).toBe(true)
    expect([(stat.mode & 0o777).toString(8), stat.uid, stat.gid]).toEqual(['606', uid, gid])
  })

  test.runIf(process.getuid?.() === 0)('can be given to a user and a group by name', async () => {
    await start({ owner: 'nobody', group: 'daemon' })
    const id = (file: string, name: string) =>
      Number(
        readFileSync(file, 'utf8')
          .split('\n')
          .find((line) => line.startsWith(`${name}:`))
          ?.split(':')[2],
      )
    const { uid, gid, mode } = lstatSync(path)
    expect([uid, gid, mode & 0o777]).toEqual([id('/etc/passwd', 'nobody'), id('/etc/group', 'daemon'), 0o660])
  })

  test('is gone after close, and nothing is left beside it', async () => {
    const server = await start()
    await server.close()
    expect(existsSync(path)).toBe(false)
    expect(readdirSync(folder)).toEqual([])
  })

  test('is left alone at close when it is no longer ours', async () => {
    const server = await start()
    rmSync(path)
    const successor = await start()
    await server.close()
    expect(lstatSync(path).isSocket()).toBe(true)
    await sender(successor.addresses[0]).begin()
  })

  test('that was removed is there again a moment later, and connections go on', async () => {
    const server = await start()
    const before = await sender().begin()
    rmSync(path)
    clock.advance(1000)
    await waitFor(() => existsSync(path))
    const after = await sender().begin()
    before.send('before')
    after.send('after')
    await waitFor(() => frames.length === 2)
    expect(server.trouble).toBeUndefined()
    await server.close()
    expect(readdirSync(folder)).toEqual([])
  })

  test('in whose place there is another that is answered stays away, and trouble says so until it is gone', async () => {
    const server = await start()
    rmSync(path)
    const other = await listening(createServer(), path)
    clock.advance(1000)
    await waitFor(() => server.trouble !== undefined)
    expect(server.trouble).toContain('another process listens there')
    await new Promise((resolve) => other.close(resolve))
    clock.advance(1000)
    await waitFor(() => server.trouble === undefined)
    await sender().begin()
  })

  test('whose folder went away is trouble, and it is back when the folder is', async () => {
    const inner = join(folder, 'inner')
    mkdirSync(inner)
    const server = await start({ listen: [{ kind: 'unix', path: join(inner, 'dnstap.sock') }] })
    rmSync(inner, { recursive: true })
    clock.advance(1000)
    await waitFor(() => server.trouble !== undefined)
    expect(server.trouble).toContain(`the folder ${inner} does not exist`)
    mkdirSync(inner)
    clock.advance(1000)
    await waitFor(() => server.trouble === undefined)
    await sender(server.addresses[0]).begin()
  })

  test('that was removed is there again though another one cannot be', async () => {
    const inner = join(folder, 'inner')
    mkdirSync(inner)
    const first = { kind: 'unix', path: join(inner, 'first.sock') } as const
    const server = await start({ listen: [first, { kind: 'unix', path }] })
    rmSync(inner, { recursive: true })
    clock.advance(1000)
    await waitFor(() => server.trouble !== undefined)
    rmSync(path)
    clock.advance(1000)
    await waitFor(() => existsSync(path))
    await sender().begin()
    expect(server.trouble).toContain(`the folder ${inner} does not exist`)
  })

  test('that nobody listens on is replaced', async () => {
    await leaveStaleSocket(path)
    const before = lstatSync(path).ino
    await start()
    expect(lstatSync(path).ino).not.toBe(before)
    await sender().begin()
  })

  test('that another process answers is refused and goes on working', async () => {
    const other = await listening(
      createServer((socket) => socket.on('error', () => {}).end('other')),
      path,
    )
    await expectRefusal('another process listens there')
    const answer = new Sender(connect(path))
    await answer.ended()
    expect(Buffer.from(answer.heard, 'hex').toString()).toBe('other')
    other.close()
  })

  test('in whose place there is a file, a folder or a link is refused, and that is left as it was', async () => {
    writeFileSync(path, 'precious')
    await expectRefusal('a file that is no socket is there')
    expect(readFileSync(path, 'utf8')).toBe('precious')
    rmSync(path)
    symlinkSync('nowhere', path)
    await expectRefusal('a file that is no socket is there')
    expect(lstatSync(path).isSymbolicLink()).toBe(true)
    rmSync(path)
    mkdirSync(path)
    await expectRefusal('a file that is no socket is there')
    expect(lstatSync(path).isDirectory()).toBe(true)
  })

  test.each([
    ['no folder', () => join(folder, 'missing', 'dnstap.sock'), {}, 'missing does not exist'],
    ['a path too long', () => join(folder, 'x'.repeat(110)), {}, 'longer than 107 bytes'],
    ['a path that leads in a circle', () => join(circle(), 'dnstap.sock'), {}, 'lead in a circle'],
    ['no such user', () => path, { owner: 'nobody-of-that-name' }, 'there is no user nobody-of-that-name'],
    ['no such group', () => path, { group: 'nobody-of-that-name' }, 'there is no group nobody-of-that-name'],
  ])('%s: one sentence says so', async (_name, where, options, sentence) => {
    const listen: ListenAddress[] = [{ kind: 'unix', path: where() }]
    await expect(start({ ...options, listen })).rejects.toThrow(ListenError)
    await expect(start({ ...options, listen })).rejects.toThrow(sentence)
    expect(existsSync(where())).toBe(false)
  })

  /** A folder that is a link to itself. */
  function circle(): string {
    const link = join(folder, 'circle')
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) symlinkSync(link, link)
    return link
  }

  test.runIf(process.getuid?.() !== 0)('in a folder that is not ours: one sentence says so', async () => {
    chmodSync(folder, 0o555)
    await expectRefusal('permission is refused')
  })

  async function expectRefusal(sentence: string): Promise<void> {
    await expect(start()).rejects.toThrow(`the dnstap listener ([dnstap] listen) cannot listen on ${path}: ${sentence}`)
  }
})

test('a port that is taken: one sentence says so, and what was opened before is closed again', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const failing = start({
    listen: [
      { kind: 'unix', path },
      { kind: 'tcp', host: '127.0.0.1', port },
    ],
  })
  await expect(failing).rejects.toThrow(
    `the dnstap listener ([dnstap] listen) cannot listen on 127.0.0.1:${port}: another process listens there`,
  )
  expect(existsSync(path)).toBe(false)
  other.close()
})

test('a port of 0 becomes the one the system chose; an IPv6 address has brackets', async () => {
  const server = await start({ listen: [{ kind: 'tcp', host: '::1', port: 0 }] })
  expect(describeListenAddress(server.addresses[0]!)).toMatch(/^\[::1\]:[1-9]\d*$/)
})

async function listening(server: Server, at: string): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(at, resolve))
  return server
}

/** What a killed process leaves: the file, and nobody behind it. Renamed aside, it escapes libuv's unlink at close. */
async function leaveStaleSocket(at: string): Promise<void> {
  const server = await listening(createServer(), at)
  renameSync(at, `${at}.kept`)
  await new Promise((resolve) => server.close(resolve))
  renameSync(`${at}.kept`, at)
}
