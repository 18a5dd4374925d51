/**
 * Ctrl-C and SIGTERM end a command after it has removed its temporary files.
 *
 * The signal is then sent once more, without us in its way: the shell sees a command that was ended by it, and a second Ctrl-C ends at once.
 */
import { StoppedError } from '@dnstap-bgp/runtime'

export async function interruptible<Answer>(work: (stop: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const stop = new AbortController()
  let ended: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    ended = signal
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    stop.abort(new StoppedError())
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    return await work(stop.signal)
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    if (ended !== undefined) process.kill(process.pid, ended)
  }
}
