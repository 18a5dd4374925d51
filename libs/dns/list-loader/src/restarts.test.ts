/** Lists from files over restarts, with last good versions. */
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import type { Clock } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { mkdirSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { listDefinition } from '../testing/list-definition.ts'
import { feeds, listFolder } from '../testing/list-folder.ts'
import type { ListDefinition, LoadedLists } from './list-definition.ts'

/** Called when the next source has been read. */
const world = vi.hoisted(() => ({ afterReading: undefined as (() => void) | undefined }))
vi.mock(import('./list-files.ts'), async (original) => {
  const real = await original()
  return {
    ...real,
    async *chunksOf(...args) {
      yield* real.chunksOf(...args)
      world.afterReading?.()
      world.afterReading = undefined
    },
  }
})

const folder = listFolder()

async function restarted(lists: readonly ListDefinition[], clock: Clock = systemClock): Promise<LoadedLists> {
  const loader = folder.loaderOf(lists, { stateFolder: join(folder.path, 'state') }, clock)
  const loaded = await loader.load()
  await loader.close()
  return loaded
}

test('a file that shrank, is empty or is gone is refused after a restart too, until the word is given', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `n${i}.example`)
  const lists = [
    listDefinition('shrinks', folder.file('shrinks.txt', ...names, '192.0.2.1'), { addresses: true }),
    listDefinition('empties', folder.file('empties.txt', 'a.example')),
    listDefinition('goes', folder.file('goes.txt', 'b.example')),
  ]
  await restarted(lists)
  folder.file('shrinks.txt', 'n1.example')
  folder.file('empties.txt')
  unlinkSync(join(folder.path, 'goes.txt'))
  for (let restart = 0; restart < 2; restart++) {
    const loaded = await restarted(lists)
    expect(loaded.lists.map(({ state, names }) => [state, names])).toEqual([
      ['refused', 100],
      ['refused', 1],
      ['refused', 1],
    ])
    expect(loaded.lists[0]?.why).toMatch(/shrank from 101 rules to 1 \(0 %/)
    expect(loaded.addressesOf('shrinks')).toEqual(['192.0.2.1/32'])
    expect(feeds(loaded, 'n99.example')).toEqual(['shrinks'])
  }
  const loader = folder.loaderOf(lists, { stateFolder: join(folder.path, 'state') })
  await loader.load()
  await loader.refresh({ accept: ['shrinks'] })
  await loader.close()
  expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'fresh', names: 1 })
})

test.each(['one.txt', 'lists/one.txt'])(
  'what is written to %s while it is read does not become the last good version',
  async (name) => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}.example`)
    mkdirSync(join(folder.path, 'lists'))
    folder.file(name, ...names(20))
    const lists = [listDefinition('one', join(folder.path, name.replace('lists/one.txt', 'lists')), { format: 'plain' })]
    await restarted(lists)
    folder.file(name, ...names(30))
    world.afterReading = () => folder.file(name, ...names(2))
    expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'fresh', names: 30 })
    expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'refused', names: 20 })
  },
)

test('a list that was emptied with the word of the operator stays so over reloads and restarts, and nobody else empties it', async () => {
  const path = folder.file('one.txt', 'a.example')
  const lists = [listDefinition('one', path)]
  const loader = folder.loaderOf(lists, { stateFolder: join(folder.path, 'state') })
  await loader.load()
  folder.file('one.txt', '# nothing')
  expect((await loader.refresh()).lists[0]).toMatchObject({ state: 'refused', names: 1 })
  await loader.refresh({ accept: ['one'] })
  expect((await loader.refresh()).lists[0]).toMatchObject({ state: 'fresh', names: 0 })
  await loader.close()
  expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'fresh', names: 0 })
  folder.file('one.txt', '# still nothing')
  expect((await restarted(lists)).lists[0]).toMatchObject({ state: 'refused', names: 0 })
})

test('a folder is kept over a restart with all its files, and a v2fly list with what it includes', async () => {
  mkdirSync(join(folder.path, 'lists'))
  folder.file('lists/a.txt', 'a.example')
  folder.file('lists/b.hosts', '0.0.0.0 b.example')
  mkdirSync(join(folder.path, 'v2fly'))
  folder.file('v2fly/main', 'domain:main.example', 'include:more')
  folder.file('v2fly/more', 'domain:more.example')
  const lists = [
    listDefinition('all', join(folder.path, 'lists')),
    listDefinition('main', join(folder.path, 'v2fly/main'), { format: 'v2fly' }),
  ]
  await restarted(lists)
  rmSync(join(folder.path, 'lists'), { recursive: true })
  unlinkSync(join(folder.path, 'v2fly/main'))
  const loaded = await restarted(lists)
  expect(loaded.lists.map(({ state }) => state)).toEqual(['refused', 'refused'])
  expect(['a.example', 'b.example', 'www.b.example', 'main.example', 'more.example'].map((name) => feeds(loaded, name))).toEqual([
    ['all'],
    ['all'],
    [],
    ['main'],
    ['main'],
  ])
})

test('when a list changed is remembered over a restart', async () => {
  const clock = new FakeClock()
  const lists = [listDefinition('one', folder.file('one.txt', 'a.example'))]
  const changedAt = (await restarted(lists, clock)).lists[0]?.changedAt
  clock.advance(60_000)
  expect((await restarted(lists, clock)).lists[0]?.changedAt).toBe(changedAt)
  folder.file('one.txt', 'b.example')
  expect((await restarted(lists, clock)).lists[0]?.changedAt).toBe(clock.now())
})

test('a definition that was edited before a restart is not held against what the list was', async () => {
  const path = folder.file('one.txt', 'a.example', 'b.example', 'c.example')
  await restarted([listDefinition('one', path)])
  folder.file('one.txt', '0.0.0.0 a.example')
  expect((await restarted([listDefinition('one', path, { format: 'hosts' })])).lists[0]).toMatchObject({
    state: 'fresh',
    names: 1,
  })
})

test('a folder for last good versions that cannot be written is told, and the lists are loaded', async () => {
  const faults: object[] = []
  const log = { ...silentLog, child: () => log, error: (fields: object) => void faults.push(fields) }
  const lists = [listDefinition('one', folder.file('one.txt', 'a.example'))]
  const loader = folder.loaderOf(lists, { stateFolder: join(folder.path, 'one.txt', 'below') }, systemClock, log)
  expect((await loader.load()).lists[0]?.state).toBe('fresh')
  expect(faults).toMatchObject([{ why: expect.stringMatching(/^ENOTDIR/) as string }])
  expect(loader.current?.lists[0]?.notKept).toMatch(/^ENOTDIR/)
})

test('a folder for last good versions that cannot be looked into does not keep lists from loading', async () => {
  const warnings: string[] = []
  const log = { ...silentLog, child: () => log, warn: (_fields: object, text: string) => void warnings.push(text) }
  const path = folder.file('one.txt', 'a.example')
  const loader = folder.loaderOf([listDefinition('one', path)], { stateFolder: path }, systemClock, log)
  expect((await loader.load()).lists[0]?.state).toBe('fresh')
  expect(warnings).toEqual(['What a killed process left in the folder of last good versions cannot be removed.'])
})
