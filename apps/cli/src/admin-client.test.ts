import { DOWNLOAD_LIMITS } from '@dnstap-bgp/list-loader'
import { expect, test } from 'vitest'
import { timeoutMsOf } from './admin-client.ts'

test('lists --accept outlasts the download that the instance makes for it', () => {
  expect(timeoutMsOf('/api/lists/accept')).toBeGreaterThan(DOWNLOAD_LIMITS.timeoutMs)
})

test('a backup may take minutes, and an answer that needs no work half of one', () => {
  expect(['/api/backup', '/api/lists', '/api/explain?subject=example.org'].map(timeoutMsOf)).toEqual([600_000, 30_000, 30_000])
})
