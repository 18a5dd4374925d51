/** Waits in tests: for a condition, never for a time. `what` names the condition, so that a failure says what did not happen. */

export interface WaitOptions {
  /** After this time it is a failure; default 20 s. */
  readonly timeoutMs?: number
  /** Pause between two calls; default 25 ms. */
  readonly intervalMs?: number
  /** The condition in words, for the error: "a route to 192.0.2.1/32 in BIRD". A function can add what was seen instead. */
  readonly what?: string | (() => string)
}

/**
 * Calls `condition` until it returns something truthy, and returns that. A condition that throws is called again; its last error
 * becomes the cause when the time is up.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
  const { timeoutMs = 20_000, intervalMs = 25, what = 'a condition' } = options
  const deadline = performance.now() + timeoutMs
  let cause: unknown
  for (;;) {
    try {
      const answer = await condition()
      if (answer) return answer
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() >= deadline) {
      const text = typeof what === 'string' ? what : what()
      throw new Error(`waited ${timeoutMs} ms in vain for ${text}`, { cause })
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs))
  }
}
