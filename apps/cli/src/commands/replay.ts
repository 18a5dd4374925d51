/** Reads Frame Streams files and says what they would have routed, and how fast. */
import { LocalBus } from '@dnstap-bgp/bus'
import { Admission, isRefused } from '@dnstap-bgp/cache-service'
import { loadConfig, neverListOptions } from '@dnstap-bgp/config'
import { Ingest } from '@dnstap-bgp/dnstap-ingest-service'
import { NeverList } from '@dnstap-bgp/policy'
import { nextTurn, silentLog, systemClock } from '@dnstap-bgp/runtime'
import { RESOLUTIONS, type Resolution } from '@dnstap-bgp/steering'
import { defineCommand } from '../command.ts'
import { CONFIG, configOf, JSON_ANSWER } from '../options.ts'
import { readCapture } from '../capture.ts'
import { lookAtLists } from '../look-at-lists.ts'
import { print } from '../print.ts'

export const replay = defineCommand({
  name: 'replay',
  help: [{ form: 'CAPTURE...', does: ['what a Frame Streams file would have routed, and how fast'] }],
  options: { ...CONFIG, ...JSON_ANSWER },
  subjects: 'at least one capture (a Frame Streams file)',
  run: (values, captures) => replayCaptures(configOf(values), captures, values.json === true),
})

async function replayCaptures(configFile: string, captures: readonly string[], json: boolean): Promise<number> {
  const config = loadConfig(configFile, process.env, { needs: ['lists'] })
  const lists = await lookAtLists(config, false)
  const bus = new LocalBus({ pause: nextTurn })
  const admission = new Admission(
    {
      ipv6: config.ipv6,
      lifetimes: new Map(config.lists.map((list) => [list.name, list.lifetime])),
      never: new NeverList(neverListOptions(config)),
    },
    lists.coverage.current,
  )
  const routes = new Map<string, { names: Set<string>; lists: Set<string> }>()
  const refused: Record<string, number> = {}
  const learn = (resolution: Resolution) => {
    // A capture may be old: its answers count as seen now.
    const nowMs = systemClock.now()
    const answer = admission.admit({ ...resolution, seenAtMs: nowMs }, { storeMs: nowMs, unixOffsetMs: 0, monotonicMs: 0 })
    if (isRefused(answer)) refused[answer.refusal] = (refused[answer.refusal] ?? 0) + 1
    else {
      const route = routes.get(answer.prefix) ?? { names: new Set(), lists: new Set() }
      routes.set(answer.prefix, route)
      route.names.add(answer.name)
      route.lists.add(answer.list)
    }
  }
  bus.consume(RESOLUTIONS, async (messages) => {
    for (const message of messages) message.forEach(learn)
  })
  const ingest = new Ingest(
    { ipv6: config.ipv6, types: config.dnstap?.types ?? ['CLIENT_RESPONSE'], lists: config.lists },
    { bus, clock: systemClock, matcher: lists.names.matcher, log: silentLog, seed: [1, 1] },
  )
  const cpu = process.cpuUsage()
  try {
    for (const capture of captures) {
      const source = { origin: capture }
      await readCapture(capture, (bytes, start, end) => ingest.frame(source, bytes, start, end))
    }
  } finally {
    await ingest.close()
    await bus.close()
    await lists.close()
  }
  const used = process.cpuUsage(cpu)

  const { counters } = ingest
  const seconds = (used.user + used.system) / 1e6
  const rows = [...routes].map(([prefix, route]) => ({
    prefix,
    lists: [...route.lists].join(','),
    names: [...route.names].slice(0, 3).join(', '),
  }))
  print(
    'replay',
    {
      routes: json || rows.length > 0 ? rows : 'none',
      frames: counters.frames,
      matched: counters.matched,
      unmatched: counters.unmatched,
      'other types': counters.otherTypes,
      unusable: { ...counters.dnstapFaults, ...counters.responseFaults },
      refused,
      speed: `${Math.round(counters.frames / Math.max(seconds, 1e-6))} frames a second of CPU (${((seconds * 1e6) / Math.max(counters.frames, 1)).toFixed(2)} µs each)`,
    },
    json,
  )
  return 0
}
