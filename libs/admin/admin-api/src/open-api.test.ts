import { expect, test } from 'vitest'
import { ADMIN_API, ownersOf } from './endpoints.ts'
import { openApi } from './open-api.ts'

test('docs/openapi.json says what the contract says (write it again: vitest run --project unit libs/admin -u)', async () => {
  await expect(`${JSON.stringify(openApi(), undefined, 2)}\n`).toMatchFileSnapshot('../../../../docs/openapi.json')
})

test('the document has every endpoint, each with its errors', () => {
  const { paths } = openApi() as { paths: Record<string, Record<string, { responses: object }>> }
  for (const { path, method, errors } of Object.values(ADMIN_API)) {
    const statuses = Object.keys(paths[path][method.toLowerCase()].responses)
    expect(statuses, path).toEqual(expect.arrayContaining(['200', ...Object.keys(errors)]))
  }
})

test('no two endpoints have the same method and path, and every path names its owners', () => {
  const keys = Object.values(ADMIN_API).map(({ method, path }) => `${method} ${path}`)
  expect(new Set(keys).size).toBe(keys.length)
  expect(ownersOf('/api/lists')).toBe('dnstap-ingest and cache')
  expect(ownersOf('/api/backup')).toBe('the all-in-one')
  expect(ownersOf('/api/nonsense')).toBeUndefined()
})
