import type { Clock } from '@dnstap-bgp/runtime'

/** Lets sockets and timers run before the caller goes on. */
export function yieldLoop(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(0, resolve))
}
