import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { watchedPlaces } from './watched-places.ts'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'watched-places-')))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** By folder, relative to ours. */
function placesOf(...names: string[]): Record<string, 'all' | string[]> {
  const places = watchedPlaces(names.map((name) => join(folder, name)))
  return Object.fromEntries(
    [...places].map(([path, watched]) => [path.slice(folder.length), watched === 'all' ? 'all' : [...watched].sort()]),
  )
}

test('of a file, its name in its folder is watched, and nothing beside it', () => {
  writeFileSync(join(folder, 'list.txt'), '')
  writeFileSync(join(folder, 'cache'), '')
  expect(placesOf('list.txt')).toEqual({ '': ['list.txt'] })
  expect(placesOf('list.txt', 'other.txt')).toEqual({ '': ['list.txt', 'other.txt'] })
})

test('of a folder, all its names are watched, and its own name', () => {
  mkdirSync(join(folder, 'lists'))
  expect(placesOf('lists', 'lists/one.txt')).toEqual({ '': ['lists'], '/lists': 'all' })
})

test('each symbolic link on the way is watched where it stands', () => {
  mkdirSync(join(folder, '..1'))
  writeFileSync(join(folder, '..1/list.txt'), '')
  symlinkSync('..1', join(folder, '..data'))
  symlinkSync('..data/list.txt', join(folder, 'list.txt'))
  mkdirSync(join(folder, 'etc'))
  symlinkSync(join(folder, 'list.txt'), join(folder, 'etc/list.txt'))
  expect(placesOf('etc/list.txt')).toEqual({
    '/etc': ['list.txt'],
    '': ['..data', 'list.txt'],
    '/..1': ['list.txt'],
  })
})

test('what is missing is watched for where it would come', () => {
  expect(placesOf('gone/list.txt')).toEqual({ '': ['gone'] })
  symlinkSync('elsewhere/list.txt', join(folder, 'link'))
  expect(placesOf('link')).toEqual({ '': ['elsewhere', 'link'] })
})

test('links in a circle end', () => {
  symlinkSync('b', join(folder, 'a'))
  symlinkSync('a', join(folder, 'b'))
  expect(placesOf('a')).toEqual({ '': ['a', 'b'] })
})
