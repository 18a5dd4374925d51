/**
 * Runs a program made of parts that must be opened in order and closed in reverse.
 *
 * `use` notes what was opened; on SIGTERM or SIGINT everything is closed backwards, one after the other, and the process ends by having
 * nothing left to do. A part that cannot be opened closes what was opened before it; a signal while parts are still being opened closes
 * those that are, and opens no more. `process.exit` stands here and nowhere else: for a second signal, for a close that takes longer than
 * the deadline, and for a part that goes on opening when nobody wants it.
 */
import type { Log } from './log.ts'

export interface Closeable {
  close(): Promise<void> | void
}

export type Use = <Part extends Closeable>(part: Part) => Part

export interface RunOptions {
  /** How long closing may take in all. */
  readonly stopDeadlineMs?: number
  /** Turns a failure of the start into what the operator is told, and the exit code. */
  readonly explain?: (error: unknown) => { readonly sentence: string; readonly exitCode: number }
}

/** Resolves when everything is closed. The exit code is left in `process.exitCode`. */
export async function runService(log: Log, start: (use: Use) => Promise<void>, options: RunOptions = {}): Promise<void> {
  const opened: Closeable[] = []
  let stoppingSince: number | undefined
  let requestStop: (signal: string) => void = () => {}
  const stopRequested = new Promise<string>((resolve) => {
    requestStop = resolve
  })
  const onSignal = (signal: NodeJS.Signals) => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince < SAME_SIGNAL_MS) return
      log.warn({ signal }, 'A second signal came: exiting at once.')
      process.exit(1)
    }
    stoppingSince = performance.now()
    requestStop(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)

  const closeOpened = async () => {
    for (let part = opened.pop(); part !== undefined; part = opened.pop()) {
      try {
        await part.close()
      } catch (error) {
        log.error({ error }, 'A part did not close cleanly.')
        process.exitCode = 1
      }
    }
  }
  let failed = false
  let opening = true
  const started = start((part) => {
    opened.push(part)
    if (stoppingSince !== undefined) throw new StoppedWhileOpening()
    return part
  }).finally(() => {
    opening = false
  })
  try {
    await Promise.race([started, stopRequested])
    const signal = await stopRequested
    log.info({ signal }, opening ? 'Stopping before everything has started.' : 'Stopping.')
  } catch (error) {
    failed = true
    const { sentence, exitCode } = options.explain?.(error) ?? {
      sentence: error instanceof Error ? (error.stack ?? error.message) : String(error),
      exitCode: 1,
    }
    log.error({}, sentence)
    process.exitCode = exitCode
    stoppingSince = performance.now()
  }

  const deadline = setTimeout(() => {
    log.error({}, 'Closing takes too long: exiting without it.')
    process.exit(1)
  }, options.stopDeadlineMs ?? 15_000)
  await closeOpened()
  if (opening) {
    // The part that is being opened (a list that downloads, for example) may take long, and nothing needs it any more.
    const patience = setTimeout(() => process.exit(process.exitCode ?? 0), OPENING_PATIENCE_MS)
    await started.catch(() => {})
    clearTimeout(patience)
    await closeOpened()
  }
  clearTimeout(deadline)
  process.off('SIGTERM', onSignal)
  process.off('SIGINT', onSignal)
  if (!failed) log.info({}, 'Stopped.')
}

/** Ends a start that goes on although the program is stopping; nobody sees it. */
class StoppedWhileOpening extends Error {}

const OPENING_PATIENCE_MS = 2000
/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 500
