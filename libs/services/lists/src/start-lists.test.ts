import { parseConfig } from '@dnstap-bgp/config'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startLists } from './start-lists.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-lists-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const configOf = (list: string, settings = '') =>
  parseConfig(`[[list]]\nname = "${list}"\nsource = "${join(folder, 'list.txt')}"\n${settings}`, 'test.toml', {})
const deps = { clock: systemClock, log: silentLog }

describe('a configuration that is read again', () => {
  test('comes into force with its lists: whoever applies it sees them, and nobody was told before', async () => {
    writeFileSync(join(folder, 'list.txt'), 'example.org\n')
    const lists = await startLists(configOf('old'), deps)
    const seen: string[] = []
    lists.coverage.onChange(() => seen.push('told'))
    await lists.reconfigure(configOf('new'), () => {
      const { current } = lists.coverage
      seen.push(`applied: ${current.ruleFor('new', 'www.example.org')} ${current.ruleFor('old', 'www.example.org')}`)
    })
    expect(seen).toEqual(['applied: example.org undefined', 'told'])
    await lists.close()
  })

  test('is applied although no list changed, and then nobody is told', async () => {
    writeFileSync(join(folder, 'list.txt'), 'example.org\n')
    const lists = await startLists(configOf('one'), deps)
    const seen: string[] = []
    lists.coverage.onChange(() => seen.push('told'))
    await lists.reconfigure(configOf('one', 'ttl = "5m"'), () => seen.push('applied'))
    expect(seen).toEqual(['applied'])
    await lists.close()
  })

  test('with a list that cannot be read is applied, and the list is said to be not loaded, rather than empty', async () => {
    writeFileSync(join(folder, 'list.txt'), 'example.org\n')
    const lists = await startLists(configOf('one'), deps)
    expect([...lists.coverage.current.unloaded]).toEqual([])
    const other = configOf('one')
    const away = {
      ...other,
      lists: other.lists.map((list) => ({ ...list, name: 'two', source: { kind: 'path', path: '/nowhere/x' } as const })),
    }
    await lists.reconfigure(away)
    expect([...lists.coverage.current.unloaded]).toEqual(['two'])
    await lists.close()
  })
})

test('says which exception decides about a name', async () => {
  writeFileSync(join(folder, 'list.txt'), 'example.org\n!www.example.org\n')
  const lists = await startLists(configOf('one'), deps)
  expect(lists.coverage.current.why('www.example.org')).toEqual([expect.stringMatching(/exception/)])
  await lists.close()
})
