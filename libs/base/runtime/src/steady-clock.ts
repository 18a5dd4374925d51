/**
 * Unix time that does not step.
 *
 * Deadlines are Unix times because they must outlive the process, but the wall clock may be set back or ahead while we run, and neither
 * may expire everything nor keep it for ever. So we read the wall clock once, count on from there by the monotonic clock, and close
 * whatever gap opens between the two slowly: a tenth of the time that passes. A wall clock set an hour ahead makes ten hours eleven.
 */
import type { Clock } from './clock.ts'

const MAX_SLEW = 0.1
/** Below this the difference is the ordinary discipline of NTP, not a step. */
const STEP_MS = 2_000

export function steadyClock(system: Clock, onStep: (stepMs: number) => void = () => {}): Clock {
  let steadyMs = system.now()
  let monotonicMs = system.monotonic()
  let stepped = false
  return {
    now() {
      const nowMonotonicMs = system.monotonic()
      const elapsedMs = nowMonotonicMs - monotonicMs
      monotonicMs = nowMonotonicMs
      steadyMs += elapsedMs
      const gapMs = system.now() - steadyMs
      const slewMs = elapsedMs * MAX_SLEW
      steadyMs += Math.max(-slewMs, Math.min(slewMs, gapMs))
      const isStep = Math.abs(gapMs) > STEP_MS
      if (isStep && !stepped) onStep(gapMs)
      stepped = isStep
      return Math.round(steadyMs)
    },
    monotonic: () => system.monotonic(),
    after: (delayMs, callback) => system.after(delayMs, callback),
    every: (periodMs, callback) => system.every(periodMs, callback),
  }
}
