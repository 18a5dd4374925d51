/** A command beside a running service, and what a killed process left. */
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listSite, only, text, V1 } from '../testing/list-site.ts'

const site = listSite()

/** Everything in the folder, with when it was written. */
function inventory(): string[] {
  return readdirSync(site.stateFolder, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return `${path} ${statSync(path).mtimeMs} ${statSync(path).ino}`
  })
}

test('a look leaves the folder of a running service as it is, and asks the URL itself when it shall', async () => {
  site.answer = text(['a', 'b', 'c'].map((name) => `${name}.example\n`).join(''), V1)
  const running = site.loaderOf(site.subscription())
  await running.load()
  writeFileSync(join(site.stateFolder, '.download-running'), 'half a li')
  const before = inventory()

  site.answer = text('x.example\ny.example\n')
  const copy = await site.loaderOf(site.subscription(), { readOnly: true }).load()
  expect(only(copy)).toMatchObject({ state: 'cached', names: 3 })
  const asked = await site.loaderOf(site.subscription(), { readOnly: true }).load({ askUrls: true })
  expect(only(asked)).toMatchObject({ state: 'fresh', names: 2 })
  site.answer = text('x.example\n')
  const refused = await site.loaderOf(site.subscription(), { readOnly: true }).load({ askUrls: true })
  expect(only(refused)).toMatchObject({ state: 'refused', names: 3 })
  expect(only(refused).why).toMatch(/shrank from 3 rules to 1/)
  expect(inventory()).toEqual(before)
})

test('what a killed process left is removed; what is young may belong to one that lives', async () => {
  for (const name of ['.download-old', '.download-young']) writeFileSync(join(site.stateFolder, name), '')
  const loader = site.loaderOf(site.subscription())
  const hourAgo = site.clock.now() / 1000 - 3601
  utimesSync(join(site.stateFolder, '.download-old'), hourAgo, hourAgo)
  utimesSync(join(site.stateFolder, '.download-young'), hourAgo + 100, hourAgo + 100)
  await loader.load()
  expect(readdirSync(site.stateFolder).filter((name) => name.startsWith('.'))).toEqual(['.download-young'])
})
