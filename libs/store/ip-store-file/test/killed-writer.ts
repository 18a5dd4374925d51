/**
 * Kills writers at random moments and compares what they said with what the file holds: for the test, and for the bench that does
 * it 200 times. The next writer goes on in the file the last one left.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { build } from 'esbuild'
import { openFileStore } from '../src/index.ts'

export interface Kills {
  readonly rounds: number
  /** What was answered before the kill, in all rounds. */
  readonly answered: number
  /** Answered, but not on disk. */
  readonly lost: number
  /** How long before its kill the oldest of them had been answered. */
  readonly oldestLossMs: number
  /** What must not be: each one sentence. */
  readonly faults: readonly string[]
}

/** One file of JavaScript beside node_modules, so that a writer starts in an instant. */
export async function buildWriter(): Promise<{ readonly file: string; remove(): void }> {
  const file = join(import.meta.dirname, '..', 'dist', `writer-${process.pid}.mjs`)
  await build({
    entryPoints: [join(import.meta.dirname, 'writer.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['dnstap-bgp-source'],
    logLevel: 'error',
  })
  return { file, remove: () => rmSync(file, { force: true }) }
}

interface Said {
  /** When the last thing about it was answered. */
  atMs: number
  deadlineMs: number
  /** `asked`: a forget() was on its way. */
  state: 'bound' | 'asked' | 'forgotten'
}

export async function killWriters(path: string, writer: string, rounds: number, random: () => number): Promise<Kills> {
  let answered = 0
  let lost = 0
  let oldestLossMs = 0
  const faults: string[] = []
  for (let round = 0; round < rounds; round++) {
    const { said, killedAtMs, flushedAtMs } = await oneWriter(path, writer, round, 20 + random() * 380)
    answered += said.size
    const openingAt = systemClock.monotonic()
    const store = await openFileStore({ path }, { clock: systemClock, log: silentLog })
    const openedAtMs = store.now() - (systemClock.monotonic() - openingAt)
    const found = new Map<string, number>()
    for await (const part of store.bindings())
      for (const binding of part) found.set(binding.name.slice('key-'.length, -'.example'.length), binding.expiresAtMs)
    if (store.loaded.corrupt > 0) faults.push(`round ${round}: ${store.loaded.corrupt} corrupt rows`)
    for (const [key, deadlineMs] of found) {
      if (deadlineMs <= openedAtMs) faults.push(`round ${round}: ${key} came back past its deadline`)
    }
    const lose = (key: string, sinceMs: number) => {
      if (sinceMs < flushedAtMs) faults.push(`round ${round}: ${key} was lost though it was flushed`)
      lost++
      oldestLossMs = Math.max(oldestLossMs, killedAtMs - sinceMs)
    }
    for (const [key, { state, atMs, deadlineMs }] of said) {
      const isFound = found.has(key)
      if (isFound && found.get(key) !== deadlineMs) faults.push(`round ${round}: ${key} has another deadline`)
      if (state === 'bound' && !isFound && deadlineMs > store.now()) lose(key, atMs)
      if (state === 'forgotten' && isFound) lose(key, atMs)
    }
    await forgetAll(store)
    await store.close()
  }
  return { rounds, answered, lost, oldestLossMs, faults }
}

async function oneWriter(
  path: string,
  writer: string,
  round: number,
  afterMs: number,
): Promise<{ said: Map<string, Said>; killedAtMs: number; flushedAtMs: number }> {
  const child = spawn(process.execPath, [writer, path, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = new Map<string, Said>()
  let flushedAtMs = 0
  let isOpen: () => void = () => {}
  const opened = new Promise<void>((resolve) => (isOpen = resolve))
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    const [what, key = '', time = '', deadline = ''] = line.split(' ')
    const atMs = Number(time)
    if (what === '!') isOpen()
    else if (what === '=') flushedAtMs = Number(key)
    else if (what === '+') said.set(key, { atMs, deadlineMs: Number(deadline), state: 'bound' })
    else {
      const known = said.get(key)
      if (known !== undefined) said.set(key, { ...known, atMs, state: what === '?' ? 'asked' : 'forgotten' })
    }
  })
  const ended = once(lines, 'close')
  await Promise.race([opened, once(child, 'exit')])
  if (child.exitCode !== null) throw new Error(`the writer ended by itself with ${child.exitCode}`)
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  const killedAtMs = Date.now()
  child.kill('SIGKILL')
  await ended
  return { said, killedAtMs, flushedAtMs }
}

async function forgetAll(store: Awaited<ReturnType<typeof openFileStore>>): Promise<void> {
  for await (const part of store.bindings()) await store.forget(part)
}
