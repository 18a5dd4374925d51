/** Waiting in tests: for a condition, never for a time. Who waits says for what, so that a failure tells what did not happen. */

export interface WaitOptions {
  /** How long before it is called a failure; default 20 s. */
  readonly timeoutMs?: number
  /** Pause between two looks; default 25 ms. */
  readonly intervalMs?: number
  /** What is waited for, for the error: "a route to 192.0.2.1/32 in BIRD". A function may add what was seen instead. */
  readonly what?: string | (() => string)
}

/**
 * Asks `condition` again and again until it answers with something truthy, and returns that. A condition that throws counts as not
 * yet; its last error becomes the cause when time is up.
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
