import { parseConfig, type Config } from '@dnstap-bgp/config'
import { silentLog, StoppedError } from '@dnstap-bgp/runtime'
import { expect, test } from 'vitest'
import { Reloader } from './reloader.ts'

const BGP = '[bgp]\nas = 64512\nrouterID = "192.0.2.1"\nnextHop = "192.0.2.9"\npeers = ["192.0.2.2"]\n'

/** A program that was started with this text and finds `file.text` when it reads again. */
function start(text: string, what = 'Configuration and lists were') {
  const lines: string[] = []
  const notedFields: object[] = []
  const note = (level: string) => (fields: object, sentence: string) => {
    notedFields.push(fields)
    lines.push(`${level}: ${sentence}`)
  }
  const file = { text }
  const read = (): Config => parseConfig(file.text, 'test.toml', {})
  const log = { ...silentLog, info: note('info'), warn: note('warn'), error: note('error') }
  const reloader = new Reloader(read(), { read, log, what })
  return { file, lines, notedFields, reloader }
}

test('the file as it is now is handed on, and the log says so', async () => {
  const { file, lines, reloader } = start('')
  const seen: number[] = []
  reloader.onReload((config) => void seen.push(config.limits.routes))
  await reloader.started()
  file.text = '[limits]\nroutes = 7\n'
  await reloader.request()
  expect(seen).toEqual([7])
  expect(lines).toEqual(['info: Configuration and lists were read again.'])
})

test('a reload that is requested while the program starts runs once, after the start', async () => {
  const { lines, reloader } = start('')
  await reloader.request()
  await reloader.request()
  expect(lines).toEqual([])
  await reloader.started()
  expect(lines).toEqual(['info: Configuration and lists were read again.'])
})

test('a file with mistakes changes nothing', async () => {
  const { file, lines, reloader } = start('')
  let handed = 0
  reloader.onReload(() => void handed++)
  await reloader.started()
  file.text = '[limits]\nroutes = "many"\n'
  await reloader.request()
  expect(handed).toBe(0)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^error: Nothing was reloaded\. test\.toml:2: limits\.routes/)
})

test('settings that wait for a restart are named by their keys, each time until the next start', async () => {
  const { file, lines, notedFields, reloader } = start(`${BGP}[dnstap]\nlisten = "./a.sock"\n`)
  await reloader.started()
  file.text = `${BGP.replace('64512', '64513')}[dnstap]\nlisten = "./b.sock"\ntypes = ["RESOLVER_RESPONSE"]\n`
  for (let count = 0; count < 2; count++) await reloader.request()
  const warning = 'warn: Not taken over before the next start: dnstap.listen, bgp.as. The running value stays.'
  expect(lines.filter((line) => line.startsWith('warn'))).toEqual([warning, warning])
  // The sentence names them; the log would only write them twice.
  expect(notedFields[0]).toEqual({})
})

test('a new warning about the file is logged, an old one is not repeated', async () => {
  const { file, lines, reloader } = start('')
  await reloader.started()
  file.text = 'cache = "c"\n[store]\nredis = "r"\n'
  await reloader.request()
  await reloader.request()
  expect(lines.filter((line) => line === 'warn: cache is ignored: store.redis is set')).toHaveLength(1)
})

test('a listener that fails is logged, and the next reload works', async () => {
  const { lines, reloader } = start('')
  let isBroken = true
  reloader.onReload(() => (isBroken ? Promise.reject(new TypeError('of ours')) : undefined))
  await reloader.started()
  await reloader.request()
  expect(lines[0]).toMatch(/^error: Not everything was reloaded\. TypeError: of ours\n {4}at /)
  isBroken = false
  await reloader.request()
  expect(lines[1]).toMatch(/^info: .* read again\.$/)
})

test('reloads come one after the other, the last file last', async () => {
  const { file, reloader } = start('')
  const applied: number[] = []
  const gates: (() => void)[] = []
  reloader.onReload(async (config) => {
    await new Promise<void>((open) => gates.push(open))
    applied.push(config.limits.routes)
  })
  await reloader.started()
  file.text = '[limits]\nroutes = 1\n'
  const first = reloader.request()
  await Promise.resolve()
  file.text = '[limits]\nroutes = 2\n'
  const second = reloader.request()
  while (applied.length < 2) {
    gates.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all([first, second])
  expect(applied).toEqual([1, 2])
})

test('a reload that is given up because the program stops is no error, and has no stack', async () => {
  const { lines, reloader } = start('')
  reloader.onReload(() => Promise.reject(new StoppedError()))
  await reloader.started()
  await reloader.request()
  expect(lines).toEqual(['info: The reload was given up: the program is stopping.'])
})
