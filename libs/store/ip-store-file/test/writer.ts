/**
 * A process to be killed: learns, refreshes and forgets in a store as fast as told, and says on stdout what was answered, when.
 *
 *   node writer.mjs PATH ROUND
 *
 *   + KEY TIME DEADLINE   observe() answered: bound        ? KEY TIME   forget() is about to be asked
 *   - KEY TIME            forget() answered                ! SENTENCE   the state changed
 *   = TIME                flush() answered, asked then
 *
 * DEADLINE is store time, TIME the wall clock's.
 * Lines are written with a system call before anything else is done, so what a killed writer said can be read.
 */
import { writeSync } from 'node:fs'
import type { StoreLimits } from '@dnstap-bgp/ip-store'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { openFileStore } from '../src/index.ts'

const [path = '', round = '0'] = process.argv.slice(2)
const limits: StoreLimits = { namesPerPrefix: Infinity, prefixesPerName: Infinity, routesPerList: new Map(), routes: Infinity }
const say = (line: string) => writeSync(1, `${line}\n`)

const store = await openFileStore({ path }, { clock: systemClock, log: silentLog })
store.onState((state) => say(`! ${state.kind}`))
say('! open')

const known: number[] = []
for (let next = 0; ; next++) {
  const now = store.now()
  // One in four ends while we run; the rest outlives us.
  const expiresAtMs = now + (next % 4 === 0 ? 150 : 3_600_000)
  const made = Array.from({ length: 1 + (next % 7) }, (_, at) => next * 8 + at)
  await store.observe(
    made.map((key) => sighting(key, now, expiresAtMs)),
    limits,
  )
  for (const key of made) say(`+ ${round}.${key} ${Date.now()} ${expiresAtMs}`)
  known.push(...made)
  if (next % 3 === 0) {
    const key = known[(next * 7919) % known.length] as number
    say(`? ${round}.${key} ${Date.now()}`)
    await store.forget([sighting(key, now, now)])
    say(`- ${round}.${key} ${Date.now()}`)
  }
  if (next % 8 === 0) {
    const askedAt = Date.now()
    void store.flush().then(() => say(`= ${askedAt}`))
  }
  await store.expire(store.now(), 1_000)
  await new Promise((resolve) => setTimeout(resolve, next % 3))
}

function sighting(key: number, seenAtMs: number, expiresAtMs: number) {
  const name = `key-${round}.${key}.example`
  const prefix = `10.${(key >> 16) & 255}.${(key >> 8) & 255}.${key & 255}/32`
  return { list: 'vpn', name, rule: 'example', prefix, seenAtMs, expiresAtMs, source: 'writer', chain: [name] }
}
