import { expect, test } from 'vitest'
import { isLocalTarget, lookupElsewhere } from './local-target.ts'

test.each([
  '127.0.0.1',
  '127.9.9.9',
  '0.0.0.0',
  '169.254.169.254',
  '::',
  '::1',
  'fe80::1',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  'fd00:ec2::254',
])('%s is this machine, its link or a metadata service', (address) => expect(isLocalTarget(address)).toBe(true))

test.each(['192.0.2.1', '10.0.0.1', '128.0.0.1', '2001:db8::1', 'fd00::1', '::ffff:192.0.2.1', 'localhost', ''])(
  '%s is not',
  (address) => expect(isLocalTarget(address)).toBe(false),
)

test('a name that leads to this machine is refused in the lookup itself', async () => {
  const lookup = lookupElsewhere(() => new Error('it leads here'))
  const answered = (options: object) =>
    new Promise<unknown>((resolve) => lookup('localhost', options, (error, address) => resolve(error ?? address)))
  expect(await answered({ all: true })).toEqual(new Error('it leads here'))
  expect(await answered({})).toEqual(new Error('it leads here'))
})
