import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { groupId, userId } from './accounts.ts'

test('an account is known by its name in the file, or by its number without any file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dnstap-accounts-'))
  const file = join(folder, 'passwd')
  writeFileSync(file, 'root:x:0:0::/root:/bin/sh\nunbound:x:117:65534::/:/bin/false\nbroken\n')
  expect(userId('unbound', file)).toBe(117)
  expect(userId('unbou', file)).toBeUndefined()
  expect(userId('broken', file)).toBeUndefined()
  rmSync(folder, { recursive: true })
  expect(userId('117', file)).toBe(117)
  expect(groupId('unbound', file)).toBeUndefined()
})
