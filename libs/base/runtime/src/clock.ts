/** Time is passed in wherever it matters, so that tests control it. */
export interface Clock {
  /** Unix time in ms, as the machine has it: it may be set at any moment. For people and for other machines, never for durations. */
  now(): number
  /** Milliseconds that only ever grow, with time that passes; for durations. */
  monotonic(): number
  /** Calls `callback` once after `delayMs`. 0: after the sockets and timers that are due. The caller cancels a timer that it no longer needs. */
  after(delayMs: number, callback: () => void): Timer
  /** Calls `callback` every `periodMs`. */
  every(periodMs: number, callback: () => void): Timer
}

export interface Timer {
  cancel(): void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    if (delayMs <= 0) {
      // Not a timer of 0: set again after a few milliseconds of work it is due at once, and Node runs it before any socket.
      const immediate = setImmediate(callback)
      return { cancel: () => clearImmediate(immediate) }
    }
    const timer = setTimeout(callback, Math.min(delayMs, 2 ** 31 - 1))
    return { cancel: () => clearTimeout(timer) }
  },
  every(periodMs, callback) {
    const timer = setInterval(callback, Math.min(periodMs, 2 ** 31 - 1))
    return { cancel: () => clearInterval(timer) }
  },
}
