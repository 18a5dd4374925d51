/**
 * Calls of scripts and what they answer. A large call is cut into slices: a script works on at most SLICE rows, and Redis serves nobody
 * else meanwhile.
 *
 *   answer of a script that changes something:  epoch | store time SP step | first revision | changes | what the script adds
 *   changes:                                    prefix LF lists LF prefix LF lists …
 */
import type { BindingKey, NewDeadline, Sighting, StoreLimits } from '@dnstap-bgp/ip-store'
import type { RouteChange, RouteChanges } from '@dnstap-bgp/steering'
import { infoText, listsOf, scoreText, timeText } from './record.ts'
import { SLICE } from './scripts.ts'
import type { ScriptName } from './script-runner.ts'

export type Run = (script: ScriptName, ...args: string[]) => Promise<string[]>

/** Slices of one call under way at a time; the rest waits, so that a large call does not run into the time-out of its own commands. */
export const SLICES_AT_ONCE = 8

export function observe(run: Run, sightings: readonly Sighting[], limits: StoreLimits): Promise<string[][]> {
  const limitsText = JSON.stringify([
    finiteOrNone(limits.namesPerPrefix),
    finiteOrNone(limits.prefixesPerName),
    finiteOrNone(limits.routes),
    Object.fromEntries([...limits.routesPerList].filter(([, count]) => Number.isFinite(count))),
  ])
  const slices = slicesOf(sightings, (sighting) => [
    sighting.list,
    sighting.name,
    sighting.prefix,
    timeText(sighting.seenAtMs),
    timeText(sighting.expiresAtMs),
    scoreText(sighting.expiresAtMs),
    sighting.noNewRoute === true ? '1' : '',
    infoText(sighting),
  ])
  return runAll(slices.map((slice) => () => run('dnstapBgpObserve', limitsText, slice)))
}

export function forget(run: Run, keys: readonly BindingKey[]): Promise<string[][]> {
  return runAll(slicesOf(keys, keyRow).map((slice) => () => run('dnstapBgpForget', slice)))
}

export async function reschedule(run: Run, deadlines: readonly NewDeadline[]): Promise<void> {
  const slices = slicesOf(deadlines, (deadline) => [
    ...keyRow(deadline),
    timeText(deadline.seenAtMs),
    timeText(deadline.expiresAtMs),
    scoreText(deadline.expiresAtMs),
  ])
  await runAll(slices.map((slice) => () => run('dnstapBgpReschedule', slice)))
}

/** The record of each key, or an empty text. */
export async function read(run: Run, keys: readonly BindingKey[]): Promise<string[]> {
  return (await runAll(slicesOf(keys, keyRow).map((slice) => () => run('dnstapBgpRead', slice)))).flat()
}

/** Ends at most `counts[i]` due bindings in the i-th call. */
export function expire(run: Run, nowMs: number, counts: readonly number[]): Promise<string[][]> {
  return runAll(counts.map((count) => () => run('dnstapBgpExpire', String(Math.floor(nowMs)), String(count))))
}

/** Undefined: no route changed. */
export function changesIn(answer: readonly string[]): RouteChanges | undefined {
  const text = answer[3] ?? ''
  if (text === '') return undefined
  return { epoch: answer[0] ?? '', firstRevision: Number(answer[2]), changes: routeChangesOf(text) }
}

export function routeChangesOf(text: string): RouteChange[] {
  const flat = text.split('\n')
  const changes: RouteChange[] = []
  for (let at = 0; at + 1 < flat.length; at += 2) changes.push({ prefix: flat[at] ?? '', lists: listsOf(flat[at + 1] ?? '') })
  return changes
}

/** One connection keeps the calls in order. Waits for those under way before it throws: none runs on unnoticed. */
async function runAll<T>(calls: readonly (() => Promise<T>)[]): Promise<T[]> {
  const answers: T[] = []
  for (let start = 0; start < calls.length; start += SLICES_AT_ONCE) {
    const results = await Promise.allSettled(calls.slice(start, start + SLICES_AT_ONCE).map((call) => call()))
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason
      answers.push(result.value)
    }
  }
  return answers
}

function keyRow({ list, name, prefix }: BindingKey): string[] {
  return [list, name, prefix]
}

/** Cuts the rows into JSON arrays, each of at most SLICE rows put one after the other. */
function slicesOf<T>(all: readonly T[], row: (one: T) => readonly string[]): string[] {
  const slices: string[] = []
  for (let start = 0; start < all.length; start += SLICE)
    slices.push(JSON.stringify(all.slice(start, start + SLICE).flatMap(row)))
  return slices
}

/** Lua gets -1 for "no ceiling": JSON has no Infinity. */
function finiteOrNone(limit: number): number {
  return Number.isFinite(limit) ? Math.max(0, limit) : -1
}
