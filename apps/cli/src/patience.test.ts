import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { DOWNLOAD_LIMITS } from '@dnstap-bgp/list-loader'
import { expect, test } from 'vitest'

test('lists --accept outlasts the download that the instance makes for it', () => {
  expect(ADMIN_API.acceptList.patienceSeconds * 1000).toBeGreaterThan(DOWNLOAD_LIMITS.timeoutMs)
})

test('a backup may take minutes, an answer that needs no work half a minute', () => {
  const { backup, lists, explain } = ADMIN_API
  expect([backup, lists, explain].map(({ patienceSeconds }) => patienceSeconds)).toEqual([600, 30, 30])
})
