import { AdminHandlers } from '@dnstap-bgp/admin-api'
import { parseConfig } from '@dnstap-bgp/config'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { Health, Metrics } from '@dnstap-bgp/telemetry'
import { FakeClock, waitFor } from '@dnstap-bgp/testkit'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
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
  test('is handed out once, together with its lists', async () => {
    writeFileSync(join(folder, 'list.txt'), 'example.org\n')
    const lists = await startLists(configOf('old'), deps)
    const heard: unknown[] = []
    lists.policies.onChange(({ config, lists: { coverage }, version }, before) =>
      heard.push([
        config.lists[0].name,
        coverage.ruleFor('new', 'www.example.org'),
        coverage.ruleFor('old', 'www.example.org'),
        version,
        before.config.lists[0].name,
      ]),
    )
    await lists.reconfigure(configOf('new'))
    expect(heard).toEqual([['new', 'example.org', undefined, 2, 'old']])
    await lists.close()
  })

  test('is handed out with the same lists when no list changed', async () => {
    writeFileSync(join(folder, 'list.txt'), 'example.org\n')
    const lists = await startLists(configOf('one'), deps)
    const same: boolean[] = []
    lists.policies.onChange(({ lists: now }, { lists: before }) =>
      same.push(now.coverage === before.coverage, now.matcher === before.matcher),
    )
    await lists.reconfigure(configOf('one', 'ttl = "5m"'))
    expect(same).toEqual([true, true])
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

test('the version of the lists stays over a change of settings, and is another one when the rules are', async () => {
  writeFileSync(join(folder, 'list.txt'), 'example.org\n')
  const lists = await startLists(configOf('one'), deps)
  const versions: symbol[] = []
  const note = ({ lists: { version, coverage } }: (typeof lists)['policies']['current']) => {
    expect(coverage.version).toBe(version)
    versions.push(version)
  }
  note(lists.policies.current)
  lists.policies.onChange(note)
  await lists.reconfigure(configOf('one', 'ttl = "5m"'))
  writeFileSync(join(folder, 'list.txt'), 'example.net\n')
  await lists.reconfigure(configOf('one'))
  const [first, sameRules, otherRules] = versions
  expect(sameRules).toBe(first)
  expect(otherRules).not.toBe(first)
  expect((await lists.preview(configOf('one'))).coverage.version).not.toBe(otherRules)
  await lists.close()
})

test('says which exception decides about a name', async () => {
  writeFileSync(join(folder, 'list.txt'), 'example.org\n!www.example.org\n')
  const lists = await startLists(configOf('one'), deps)
  expect(lists.coverage.current.why('www.example.org')).toEqual([expect.stringMatching(/exception/)])
  await lists.close()
})

describe('what the operator sees', () => {
  async function started() {
    writeFileSync(join(folder, 'list.txt'), 'a.example\nb.example\nc.example\n192.0.2.1\n')
    const handlers = new AdminHandlers()
    const metrics = new Metrics({ process: false })
    const health = new Health({ clock: systemClock, log: silentLog })
    health.started()
    const lists = await startLists(configOf('one', 'addresses = true\n'), { ...deps, handlers, metrics, health })
    const ask = async (path: string, body?: unknown) =>
      (await handlers.call('POST', path, { query: {}, body })) as readonly Record<string, unknown>[]
    const gauge = async (name: string) => {
      const line = (await metrics.text())
        .split('\n')
        .find((text) => text.startsWith(`dnstap_bgp_${name}{`) || text.startsWith(`${name}{`))
      return line === undefined ? undefined : line.replace(/^dnstap_bgp_/, '')
    }
    return { lists, ask, gauge, health }
  }

  test('health and metrics follow a list that is refused, and the word that takes it', async () => {
    const { lists, ask, gauge, health } = await started()
    expect(health.report()).toMatchObject({ state: 'ok' })
    expect(await gauge('list_names')).toMatch(/^list_names\{list="one"\} 3$/)
    expect(await gauge('list_rules')).toMatch(/ 3$/)
    expect(await gauge('list_addresses')).toMatch(/ 1$/)
    expect(await gauge('list_fresh')).toMatch(/ 1$/)
    expect(await gauge('list_skipped_lines')).toBeUndefined()

    writeFileSync(join(folder, 'list.txt'), `a.example\n${'x'.repeat(64)}.example\n`)
    expect(await ask('/api/lists/reload')).toMatchObject([{ name: 'one', state: 'refused', names: 3 }])
    expect(await gauge('list_fresh')).toMatch(/ 0$/)
    expect(health.report()).toMatchObject({ state: 'degraded', ready: true })
    expect(health.report().components[0]?.why).toMatch(/^List "one" is refused: .* shrank from 4 rules to 1/)

    expect(await ask('/api/lists/accept', { list: 'one' })).toMatchObject([{ name: 'one', state: 'fresh', names: 1, why: null }])
    expect(await gauge('list_fresh')).toMatch(/ 1$/)
    expect(await gauge('list_skipped_lines')).toMatch(/list="one",reason="label-too-long"\} 1$/)
    expect(health.report()).toMatchObject({ state: 'ok' })
    const changedAt = Number((await gauge('list_changed_timestamp_seconds'))?.split(' ')[1])
    expect(changedAt).toBe(lists.loaded.lists[0]!.changedAt / 1000)
    await expect(ask('/api/lists/accept', { list: 'two' })).rejects.toThrow('there is no such list; there are one')
    await lists.close()
  })
})

test('a URL that has not answered at the start is no empty list: what its names have stays theirs', async () => {
  const held: ServerResponse[] = []
  const server = createServer((_request, response) => void held.push(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const clock = new FakeClock()
  const health = new Health({ clock, log: silentLog })
  health.started()
  const config = parseConfig(`[[list]]\nname = "far"\nsource = "http://127.0.0.1:${port}/"\n`, 'test.toml', {})
  const starting = startLists(config, { ...deps, clock, health })
  await waitFor(() => held.length === 1 && clock.timers === 1)
  clock.advance(5000)
  const lists = await starting
  expect([...lists.coverage.current.unloaded]).toEqual(['far'])
  expect(health.report().components[0]?.why).toMatch(/^List "far" is waiting/)
  held[0]!.end('example.org\n')
  await waitFor(() => lists.coverage.current.unloaded.size === 0)
  expect(lists.coverage.current.ruleFor('far', 'www.example.org')).toBe('example.org')
  expect(health.report().state).toBe('ok')
  await lists.close()
  server.close()
})

test('a download under way is told while it may bring what other lists had, and when it has failed nobody hopes any more', async () => {
  const held: ServerResponse[] = []
  const server = createServer((_request, response) => void held.push(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const clock = new FakeClock()
  writeFileSync(join(folder, 'list.txt'), 'example.org\n')
  const lists = await startLists(configOf('old'), { ...deps, clock })
  expect(lists.coverage.current.isWaiting).toBe(false)
  const url = parseConfig(`[[list]]\nname = "far"\nsource = "http://127.0.0.1:${port}/"\n`, 'test.toml', {})
  const edit = lists.reconfigure(url)
  await waitFor(() => held.length === 1)
  expect(lists.coverage.current.ruleFor('old', 'example.org')).toBe('example.org') // the edit waits for what the URL says
  clock.advance(5000)
  await edit
  expect(lists.coverage.current.isWaiting).toBe(true)
  let told = 0
  lists.policies.onChange(() => told++)
  held[0]!.writeHead(404).end()
  await waitFor(() => told === 1)
  expect([lists.coverage.current.isWaiting, ...lists.coverage.current.unloaded]).toEqual([false, 'far'])
  await lists.close()
  server.close()
})

test('last good versions are kept where [lists] state says', async () => {
  writeFileSync(join(folder, 'list.txt'), 'example.org\n')
  const config = configOf('one', `[lists]\nstate = "${join(folder, 'state')}"\n`)
  await (await startLists(config, deps)).close()
  rmSync(join(folder, 'list.txt'))
  const lists = await startLists(config, deps)
  expect(lists.loaded.lists).toMatchObject([{ state: 'refused', names: 1 }])
  await lists.close()
})

test('a preview tells what another configuration would bring, and which lists it does not have', async () => {
  writeFileSync(join(folder, 'list.txt'), 'example.org\n')
  const lists = await startLists(configOf('one'), deps)
  const { coverage, ...shown } = await lists.preview(configOf('two', 'match = "exact"'))
  expect(shown).toEqual({
    lists: [{ name: 'two', state: 'fresh', why: null, added: 1, removed: 0, changed: 0, addressesAdded: 0, addressesRemoved: 0 }],
    removed: ['one'],
  })
  expect([coverage.ruleFor('two', 'www.example.org'), coverage.ruleFor('two', 'example.org')]).toEqual([
    undefined,
    'full:example.org',
  ])
  expect(lists.coverage.current.ruleFor('one', 'www.example.org')).toBe('example.org')
  await lists.close()
})
