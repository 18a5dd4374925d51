import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { whoServes } from './who-serves.ts'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

test('every path that a service or an app adds to the admin API is known, with who has it', () => {
  const files = ['libs/services', 'apps'].flatMap((top) =>
    readdirSync(join(root, top)).flatMap((project) =>
      readdirSync(join(root, top, project, 'src'), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
        .map((file) => join(root, top, project, 'src', file)),
    ),
  )
  const paths = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/'(?:GET|POST) (\/api\/[\w/-]+)'/g)].map((found) => found[1]),
  )
  expect(paths.length).toBeGreaterThan(8)
  expect(paths.filter((path) => whoServes(path) === undefined)).toEqual([])
  expect(whoServes('/api/nonsense')).toBeUndefined()
})
