import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { lockFile } from './file-lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'file-lock-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newPath = () => join(folder, `lock-${files++}`)

/** flock(1) on a file system without locks. */
const failing = join(folder, 'failing-flock')
writeFileSync(failing, '#!/bin/sh\nexit 71\n', { mode: 0o755 })

describe.each([
  ['flock(1)', 'flock'],
  ['no such command', 'no-such-command'],
  ['a command that cannot tell', failing],
])('a lock, with %s', (_how, command) => {
  test('keeps others out until it is released', () => {
    const path = newPath()
    const lock = lockFile(path, '/a/store', command)
    expect(() => lockFile(path, '/a/store', command)).toThrow(
      `the store /a/store is in use by process ${process.pid}; each instance needs a store of its own`,
    )
    lock.release()
    lockFile(path, '/a/store', command).release()
  })

  test.each([
    ['that is no more', '4194304 1 0'],
    ['of another boot', `${process.pid} 1 another-boot`],
    [
      'whose number another process has now',
      `1 999999999999 ${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}`,
    ],
    ['that was cut short', '12'],
    ['nobody could read', '\u0000\u0000'],
  ])('is not held by a process %s', (_who, content) => {
    const path = newPath()
    writeFileSync(path, content)
    lockFile(path, '/a/store', command).release()
  })
})
