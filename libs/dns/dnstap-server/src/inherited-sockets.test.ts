import { mkdirSync, mkdtempSync, openSync, closeSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { boundAddress, inheritedSockets, isSameSocket } from './inherited-sockets.ts'

describe('the environment (sd_listen_fds(3))', () => {
  test('descriptors count from 3', () => {
    expect(inheritedSockets({ LISTEN_PID: '42', LISTEN_FDS: '2' }, 42)).toEqual([3, 4])
  })

  test.each([
    ['absent', {}],
    ['meant for another process', { LISTEN_PID: '41', LISTEN_FDS: '2' }],
    ['none', { LISTEN_PID: '42', LISTEN_FDS: '0' }],
    ['no number', { LISTEN_PID: '42', LISTEN_FDS: 'x' }],
  ])('%s: nothing is taken', (_name, environment) => {
    expect(inheritedSockets(environment, 42)).toEqual([])
  })
})

describe('where a listening socket is bound', () => {
  const fdOf = (server: Server) => (server as unknown as { _handle: { fd: number } })._handle.fd

  test.each(['127.0.0.1', '::1', '0.0.0.0'])('TCP on %s', async (host) => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    expect(boundAddress(fdOf(server))).toEqual({ kind: 'tcp', host, port: (server.address() as AddressInfo).port })
    server.close()
  })

  test('a UNIX socket, even with a space in its path', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dnstap inherited-'))
    const path = join(folder, 'dnstap.sock')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    expect(boundAddress(fdOf(server))).toEqual({ kind: 'unix', path })
    server.close()
    rmSync(folder, { recursive: true })
  })

  test('a file is no socket', () => {
    const fd = openSync('/dev/null', 'r')
    expect(boundAddress(fd)).toBeUndefined()
    closeSync(fd)
  })
})

describe('a configured address means a socket that is open', () => {
  const tcp = (host: string | undefined, port = 6000) => ({ kind: 'tcp', host, port }) as const

  test('by another path to the same file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dnstap-inherited-'))
    mkdirSync(join(folder, 'run'))
    symlinkSync(join(folder, 'run'), join(folder, 'var-run'))
    for (const name of ['dnstap.sock', 'other.sock']) writeFileSync(join(folder, 'run', name), '')
    const unix = (...names: string[]) => ({ kind: 'unix', path: join(folder, ...names) }) as const
    const bound = unix('run', 'dnstap.sock')
    expect(await isSameSocket(unix('var-run', 'dnstap.sock'), bound)).toBe(true)
    expect(await isSameSocket(unix('run', 'other.sock'), bound)).toBe(false)
    expect(await isSameSocket(unix('nowhere', 'dnstap.sock'), bound)).toBe(false)
    rmSync(folder, { recursive: true })
  })

  test.each([
    ['localhost is 127.0.0.1', tcp('localhost'), tcp('127.0.0.1'), true],
    ['every address is every address', tcp(undefined), tcp('::'), true],
    ['one address is not every address', tcp('127.0.0.1'), tcp('0.0.0.0'), false],
    ['another port is another socket', tcp('127.0.0.1', 6001), tcp('127.0.0.1'), false],
    ['another address is another socket', tcp('127.0.0.2'), tcp('127.0.0.1'), false],
    ['a path is no port', { kind: 'unix', path: '/run/x' } as const, tcp('127.0.0.1'), false],
  ])('%s', async (_name, configured, bound, expected) => {
    expect(await isSameSocket(configured, bound)).toBe(expected)
  })
})
