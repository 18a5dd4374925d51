/** Changed files are noticed without a call. */
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listDefinition } from '../testing/list-definition.ts'
import { feeds, listFolder } from '../testing/list-folder.ts'
import type { ListLoaderConfig } from './loader-config.ts'

const folder = listFolder()

const watching: Partial<ListLoaderConfig> = { watch: true, pollIntervalMs: 100_000 }

test('a file that is written or replaced is read again, unasked', async () => {
  const path = folder.file('one.txt', 'a.example')
  const loader = folder.loaderOf([listDefinition('one', path)], watching)
  await loader.load()
  folder.file('one.txt', 'b.example')
  await waitFor(() => feeds(loader.current!, 'b.example').length > 0, { what: 'a file written in place' })
  renameSync(folder.file('.one.txt.swp', 'c.example'), path)
  await waitFor(() => feeds(loader.current!, 'c.example').length > 0, { what: 'a file renamed over it' })
  renameSync(folder.file('.one.txt.swp', 'd.example'), path)
  await waitFor(() => feeds(loader.current!, 'd.example').length > 0, { what: 'another one' })
})

test('a ConfigMap that is swapped by its link is read again', async () => {
  for (const version of ['..1', '..2']) mkdirSync(join(folder.path, version))
  folder.file('..1/one.txt', 'a.example')
  folder.file('..2/one.txt', 'b.example')
  symlinkSync('..1', join(folder.path, '..data'))
  symlinkSync('..data/one.txt', join(folder.path, 'one.txt'))
  const loader = folder.loaderOf([listDefinition('one', join(folder.path, 'one.txt'))], watching)
  await loader.load()
  symlinkSync('..2', join(folder.path, '..data_tmp'))
  renameSync(join(folder.path, '..data_tmp'), join(folder.path, '..data'))
  rmSync(join(folder.path, '..1'), { recursive: true })
  await waitFor(() => feeds(loader.current!, 'b.example').length > 0, { what: 'the other version' })
})

test('a file in a watched folder, and one behind a link to elsewhere, are noticed', async () => {
  mkdirSync(join(folder.path, 'lists'))
  mkdirSync(join(folder.path, 'elsewhere'))
  folder.file('lists/a.txt', 'a.example')
  symlinkSync(folder.file('elsewhere/one.txt', 'one.example'), join(folder.path, 'one.txt'))
  const loader = folder.loaderOf(
    [listDefinition('all', join(folder.path, 'lists')), listDefinition('one', join(folder.path, 'one.txt'))],
    watching,
  )
  await loader.load()
  folder.file('lists/b.txt', 'b.example')
  folder.file('elsewhere/one.txt', 'other.example')
  await waitFor(() => feeds(loader.current!, 'b.example').length + feeds(loader.current!, 'other.example').length === 2)
})

test('what the kernel does not tell, the poll finds', async () => {
  const clock = new FakeClock()
  const path = folder.file('one.txt', 'a.example')
  const loader = folder.loaderOf([listDefinition('one', path)], { watch: true, pollIntervalMs: 1000 }, clock)
  await loader.load()
  folder.file('one.txt', 'b.example')
  await waitFor(async () => {
    await clock.advanceAsync(1100, 20)
    return feeds(loader.current!, 'b.example').length > 0
  })
})

test('a watched file that is emptied and then right again is refused, then fresh', async () => {
  const loader = folder.loaderOf([listDefinition('one', folder.file('one.txt', 'a.example'))], watching)
  await loader.load()
  folder.file('one.txt')
  await waitFor(() => loader.current?.lists[0]?.state === 'refused')
  expect(feeds(loader.current!, 'a.example')).toEqual(['one'])
  folder.file('one.txt', 'b.example')
  await waitFor(() => loader.current?.lists[0]?.state === 'fresh')
  expect(feeds(loader.current!, 'b.example')).toEqual(['one'])
})

test('a folder that is replaced by another of the same name goes on being watched', async () => {
  mkdirSync(join(folder.path, 'lists'))
  folder.file('lists/a.txt', 'a.example')
  const clock = new FakeClock()
  const loader = folder.loaderOf(
    [listDefinition('all', join(folder.path, 'lists'))],
    { watch: true, pollIntervalMs: 2 ** 30 },
    clock,
  )
  await loader.load()
  const settled = (name: string) =>
    waitFor(async () => {
      await clock.advanceAsync(20, 1)
      return feeds(loader.current!, name).length > 0
    })
  mkdirSync(join(folder.path, 'next'))
  folder.file('next/a.txt', 'b.example')
  renameSync(join(folder.path, 'lists'), join(folder.path, 'last'))
  renameSync(join(folder.path, 'next'), join(folder.path, 'lists'))
  await settled('b.example')
  folder.file('lists/c.txt', 'c.example')
  await settled('c.example')
})
