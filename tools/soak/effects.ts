/** What the documentation allows a fault to do: which facts it may lose, and who can know of those that wait. */
import { BOUNDS } from './bounds.ts'
import type { Fault, Shape } from './faults.ts'
import type { Effect } from './timeline.ts'

export interface Consequence extends Effect {
  /** Is the path interrupted at all? Edits and a sync peer's absence are not: everything must go on in time. */
  readonly interrupts: boolean
  /** The store is empty afterwards: announcers hold routes, those they know or (the announcer began anew as well) those in its file. */
  readonly storeLost?: 'stale' | 'stale from the file'
  /** What these say meanwhile may count for less, or not at all. */
  readonly doubts?: readonly string[]
  /** BIRDs that are away, so that what they hold is not judged. */
  readonly birds?: readonly string[]
}

export function consequenceOf(fault: Fault, shape: Shape): Consequence {
  switch (fault.kind) {
    case 'edit':
    case 'peer-away':
      return { interrupts: false }
    case 'resolver-reconnects':
      return { interrupts: true, loses: [`resolver-${fault.resolver + 1}`] }
    case 'full-disk':
      return { interrupts: true }
    case 'store-gone':
      return { interrupts: true, loses: ['*'], storeLost: 'stale from the file' }
    case 'flush':
      return { interrupts: true, loses: ['*'], storeLost: 'stale' }
    case 'wipe-streams':
      return { interrupts: true, loses: ['*'], unnoticed: true }
    case 'delete-consumers':
      return { interrupts: true }
    case 'power-cut':
    case 'rolling-restart':
      return { interrupts: true, loses: ['*'] }
    case 'clock-step':
      // A sync peer's times are Unix times, and are compared with our wall clock.
      return { interrupts: false, doubts: ['peer'] }
    case 'resolver-clock-step':
      return looksLate(fault) ? { interrupts: true, loses: [`resolver-${fault.resolver + 1}`] } : { interrupts: false }
    case 'kill':
    case 'stop':
    case 'freeze':
      return ofSignal(fault.kind === 'freeze', fault.target, shape)
  }
}

/** Set back by less than an hour: as if its answers had waited so long (libs/services/dnstap-ingest/README.md, Old answers). */
export function looksLate({ byMs }: Extract<Fault, { kind: 'resolver-clock-step' }>): boolean {
  return byMs < 0 && -byMs < BOUNDS.longestDelayMs
}

function ofSignal(frozen: boolean, target: string, shape: Shape): Consequence {
  if (target.startsWith('bird')) return { interrupts: true, birds: [target] }
  if (target === 'all-in-one') return frozen ? { interrupts: true } : { interrupts: true, loses: ['*'] }
  if (target === 'gateway') return { interrupts: true, loses: ['peer'] }
  if (target.startsWith('ingest')) {
    const resolver = [target.replace('ingest', 'resolver')]
    // A frozen ingest is waited for, 30 s and longer than any freeze here (docs/decisions/0011-facts-before-deadlines.md).
    return frozen ? { interrupts: true } : { interrupts: true, loses: resolver }
  }
  // A failover takes a replica that may lack the last writes (Redis copies without waiting).
  if (target.startsWith('redis') && shape === 'services-ha') return { interrupts: true, loses: ['*'] }
  return { interrupts: true }
}
