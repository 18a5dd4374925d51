import { RuleKind } from '@dnstap-bgp/domain-list'
import { Matcher, MatcherBuilder } from '@dnstap-bgp/domain-matcher'
import { silentLog } from '@dnstap-bgp/runtime'
import { FakeClock } from '@dnstap-bgp/testkit'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ListDefinition } from './list-definition.ts'
import { ListLoader } from './list-loader.ts'
import { LostExceptions } from './lost-exceptions.ts'
import { listDefinition } from '../testing/list-definition.ts'

let folder: string
const opened: ListLoader[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lost-exceptions-'))
})
afterEach(async () => {
  for (const loader of opened.splice(0)) await loader.close()
  rmSync(folder, { recursive: true, force: true })
})

const write = (...lines: string[]) => writeFileSync(join(folder, 'list.txt'), lines.map((line) => `${line}\n`).join(''))

function loaderOf(): ListLoader {
  const definition: ListDefinition = listDefinition('one', join(folder, 'list.txt'), { format: 'adblock' })
  const loader = new ListLoader(
    { lists: [definition], stateFolder: join(folder, 'state'), watch: false },
    { clock: new FakeClock(), log: silentLog },
  )
  opened.push(loader)
  return loader
}

test('a version that lost an exception while its rule stays is refused, until the operator takes it', async () => {
  write('||a.example^')
  const loader = loaderOf()
  await loader.load()
  write('||a.example^', '||b.example^', '@@||ok.a.example^$dnstype=A')
  expect((await loader.refresh()).lists[0]).toMatchObject({
    state: 'refused',
    rules: 1,
    why: expect.stringContaining('the exception in line 3 cannot be honoured, and its rules cover ok.a.example') as string,
  })
  write('||b.example^', '||c.example^', '@@||ok.a.example^$dnstype=A')
  expect((await loader.refresh()).lists[0]).toMatchObject({ rules: 2, state: 'degraded', why: '1 exception is missing' })
  write('||a.example^', '@@/^(?=x)/')
  expect((await loader.refresh()).lists[0]).toMatchObject({ state: 'refused' })
  expect((await loader.refresh({ accept: ['one'] })).lists[0]).toMatchObject({ state: 'degraded', rules: 1 })
  expect((await loader.refresh()).lists[0]).toMatchObject({ state: 'degraded', rules: 1 })
})

test('exceptions over the limit of the matcher refuse the list too', async () => {
  write('||a.example^', ...Array.from({ length: 2001 }, (_, i) => `@@/^n${i}[0-9]x\\.a\\.example/`))
  await expect(loaderOf().load()).rejects.toThrow('the exception in line 2002 cannot be honoured')
})

test('an exception whose name no rule of its list covers is no loss; one whose name is covered refuses the list', () => {
  const builder = new MatcherBuilder({ seed: 1 })
  builder.addList('one').rule(RuleKind.suffix, 'a.example', false, false)
  builder.addList('two').rule(RuleKind.suffix, 'b.example', false, false)
  const matcher = new Matcher(builder.build())
  const lost = new LostExceptions()
  lost.add('ok.b.example', 3, '@@||ok.b.example^$dnstype=A')
  expect(lost.fault(matcher, 'one')).toBeUndefined()
  expect(lost.fault(matcher, 'two')).toBe(
    'the exception in line 3 cannot be honoured, and its rules cover ok.b.example: @@||ok.b.example^$dnstype=A',
  )
  lost.add('', 4, '@@/(?=x)/')
  expect(lost.fault(matcher, 'one')).toContain('line 4 cannot be honoured')
})
