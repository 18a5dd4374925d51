/** What a run found, for people: a table of its scenes, and the events behind each violation. */
import type { Fault, Shape } from './faults.ts'
import type { Violation } from './judge.ts'

export interface SceneRow {
  readonly number: number
  readonly what: string
  /** Since the start of the run. */
  readonly atMs: number
  /** Until all that was taken away ran again. */
  readonly downMs: number
  /** From then until the whole path worked. */
  readonly recoveredMs: number
  readonly checks: () => number
}

export interface Report {
  readonly shape: Shape
  readonly seed: number
  readonly seconds: number
  readonly lookups: number
  /** In the fullest seat at the end. */
  readonly routes: number
  readonly looks: number
  readonly checks: number
  readonly removals: number
  /** Of the time, how much processes may have waited for a processor or a disk: then lateness is not judged. */
  readonly stalledShare: number
  readonly scenes: readonly SceneRow[]
  readonly violations: readonly Violation[]
  readonly logs: ReadonlyMap<string, string>
}

const EXAMPLES = 3

export function tellFault(fault: Fault): string {
  const seconds = 'lengthMs' in fault ? ` ${(fault.lengthMs / 1000).toFixed(1)} s` : ''
  if (fault.kind === 'clock-step') return `clock of ${fault.target} ${fault.offsetMs / 1000} s off for${seconds}`
  if (fault.kind === 'resolver-clock-step') return `clock of resolver-${fault.resolver + 1} set by ${fault.byMs / 1000} s`
  if ('target' in fault) return `${fault.kind} ${fault.target}${seconds}`
  if (fault.kind === 'edit') return `edit${fault.hup ? ' and SIGHUP' : ''}${fault.inPlace ? ' in place' : ''}`
  if (fault.kind === 'resolver-reconnects') return `resolver-${fault.resolver + 1} reconnects`
  return `${fault.kind}${seconds}`
}

export function tellReport(report: Report): string {
  const lines = [
    `${report.shape}, seed ${report.seed}: ${report.seconds} s, ${report.lookups} lookups, ${report.routes} routes, ` +
      `${report.checks} checks in ${report.looks} looks, ${report.removals} removals judged, ` +
      `${Math.round(report.stalledShare * 100)} % of the time stalled`,
    '',
    ['scene', 'at s', 'down s', 'back s', 'checks', 'missing', 'removed', 'stale', 'other', 'what'].join('\t'),
  ]
  const rows = [{ number: 0, what: 'start', atMs: 0, downMs: 0, recoveredMs: 0, checks: () => 0 }, ...report.scenes]
  for (const row of rows) {
    const of = (kinds: readonly string[]) =>
      report.violations.filter((one) => one.scene === row.number && kinds.includes(one.kind)).length
    const counts = [of(['missing']), of(['removed']), of(['stale']), of(['ended', 'not recovered', 'not ready'])]
    const times = [row.atMs, row.downMs, row.recoveredMs].map((ms) => (ms / 1000).toFixed(1))
    lines.push([row.number, ...times, row.checks(), ...counts, row.what].join('\t'))
  }
  lines.push('', `${report.violations.length} violations`)
  for (const group of groups(report.violations)) lines.push('', ...tellGroup(group))
  return lines.join('\n')
}

function groups(violations: readonly Violation[]): Violation[][] {
  const found = new Map<string, Violation[]>()
  for (const violation of violations) {
    const key = `${violation.scene} ${violation.kind} ${violation.lists}`
    const group = found.get(key)
    if (group === undefined) found.set(key, [violation])
    else group.push(violation)
  }
  return [...found.values()]
}

function tellGroup(group: readonly Violation[]): string[] {
  const { scene, kind, lists } = group[0]
  const lines = [`scene ${scene}: ${kind}, ${group.length} times${lists === '' ? '' : `, list ${lists}`}`]
  const addresses = new Set<string>()
  for (const violation of group) {
    // One example for each address: the same happened in other seats.
    if (addresses.has(violation.address) || addresses.size === EXAMPLES) continue
    addresses.add(violation.address)
    const at = new Date(violation.atMs).toISOString().slice(11, 23)
    const lasted = ((violation.untilMs - violation.atMs) / 1000).toFixed(1)
    lines.push(`  ${at} ${violation.seat} ${violation.address} (seen for ${lasted} s)`)
    lines.push(...violation.story.map((line) => `    ${line}`))
  }
  return lines
}
