import { expect, test } from 'vitest'
import { PolicySource } from './policy.ts'

test('each listener gets the next policy once, with the one before, when the next is already current', () => {
  const policies = new PolicySource('config 1', 'lists 1')
  const heard: unknown[] = []
  for (const name of ['a', 'b'])
    policies.onChange((policy, before) => heard.push([name, policy, before.version, policies.current === policy]))
  policies.next('config 2', 'lists 1')
  const policy = { config: 'config 2', lists: 'lists 1', version: 2 }
  expect(heard).toEqual([
    ['a', policy, 1, true],
    ['b', policy, 1, true],
  ])
})
