import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { runProgram, type Program } from './run-program.ts'

const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-program-'))
const { argv, exitCode } = process
const umask = process.umask()
afterEach(() => {
  process.umask(umask)
  process.argv = argv
  process.exitCode = exitCode
  rmSync(folder, { recursive: true, force: true })
})

/** `/readyz` of the program in `folder`. */
function ready(): Promise<{ status: number; report: unknown }> {
  return new Promise((resolve, reject) => {
    request({ socketPath: join(folder, 'admin.sock'), path: '/readyz', agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, report: JSON.parse(text) }))
    })
      .on('error', reject)
      .end()
  })
}

test('a program is not ready before its start is over, though every part that is there is well; what it writes is private', async () => {
  writeFileSync(join(folder, 'a.toml'), '[admin]\nlisten = "./admin.sock"\n[log]\nlevel = "error"\n')
  process.argv = [process.execPath, 'test', '--config', join(folder, 'a.toml')]
  process.umask(0)
  let goOn = () => {}
  const program = await new Promise<Program<never> & { readonly ended: Promise<void> }>((resolve, reject) => {
    const gate = new Promise<void>((open) => (goOn = open))
    const ended = runProgram({ name: 'test', needs: [] }, (started) => {
      resolve({ ...started, ended })
      return gate
    })
    ended.catch(reject)
  })
  // Other users may not read its files, whatever umask it was started with.
  writeFileSync(join(folder, 'names'), 'x', { mode: 0o666 })
  expect(statSync(join(folder, 'names')).mode & 0o777).toBe(0o640)
  const store = program.health.component('store')
  expect(await ready()).toMatchObject({ status: 503, report: { ready: false, state: 'starting' } })
  store.ok()
  expect(await ready()).toMatchObject({ status: 503, report: { ready: false, state: 'starting' } })
  goOn()
  await expect.poll(ready, { timeout: 60_000 }).toMatchObject({ status: 200, report: { ready: true, state: 'ok' } })
  store.degraded('The disk is full.')
  expect(await ready()).toMatchObject({ status: 200, report: { ready: true, state: 'degraded' } })
  process.emit('SIGTERM', 'SIGTERM')
  await program.ended
}, 60_000)

test('each of the five programs is run by runProgram, so each is ready by this rule', () => {
  const apps = fileURLToPath(new URL('../../../../apps/', import.meta.url))
  const run = readdirSync(apps).filter((app) =>
    readFileSync(join(apps, app, 'src/main.ts'), 'utf8').includes('await runProgram('),
  )
  expect(run.sort()).toEqual(['all-in-one', 'bgp-announcer', 'cache', 'dnstap-ingest', 'sync-gateway'])
})
