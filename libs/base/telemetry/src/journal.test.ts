import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { leadsToJournal, withPriority } from './journal.ts'

let folder: string
let fd: number
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-journal-'))
  fd = openSync(join(folder, 'output'), 'w')
})
afterAll(() => {
  closeSync(fd)
  rmSync(folder, { recursive: true, force: true })
})

test('an output leads to the journal when systemd names its device and inode', () => {
  const { dev, ino } = fstatSync(fd)
  expect(leadsToJournal(fd, `${dev}:${ino}`)).toBe(true)
  expect(leadsToJournal(fd, `${dev}:${ino + 1}`)).toBe(false)
  expect(leadsToJournal(fd, '')).toBe(false)
})

test('a closed output does not lead to the journal', () => {
  expect(leadsToJournal(9999, '8:1')).toBe(false)
})

test('each line of a text has the priority', () => {
  expect(withPriority('error', 'One mistake.\n  Another.\n')).toBe('<3>One mistake.\n<3>  Another.\n')
})
