/** Resolves in the next turn of the event loop: sockets and timers that are due come first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
