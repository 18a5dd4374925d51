import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLog, type Log } from './log.ts'
import { runService, type Use } from './run-service.ts'

/** Notes what happens, in order. */
function notebook() {
  const seen: string[] = []
  const log: Log = {
    ...silentLog,
    info: (_fields, sentence) => seen.push(sentence),
    error: (_fields, sentence) => seen.push(sentence),
  }
  const part = (name: string) => ({
    close() {
      seen.push(`${name} closed`)
    },
  })
  return { seen, log, part }
}
/** As the system would, to our listeners alone. */
const signal = () => process.listeners('SIGTERM').at(-1)?.('SIGTERM')

describe('a program', () => {
  let exitCode: typeof process.exitCode
  beforeEach(() => (exitCode = process.exitCode))
  afterEach(() => (process.exitCode = exitCode))

  test('closes on SIGTERM what it opened, backwards', async () => {
    const { seen, log, part } = notebook()
    const running = runService(log, async (use) => {
      use(part('a'))
      use(part('b'))
    })
    await Promise.resolve()
    signal()
    await running
    expect(seen.filter((line) => line.endsWith('closed'))).toEqual(['b closed', 'a closed'])
    expect(process.exitCode).toBe(exitCode)
  })

  test('that cannot open a part closes those before it, says why, and ends with the code for it', async () => {
    const { seen, log, part } = notebook()
    const start = async (use: Use) => {
      use(part('a'))
      throw new Error('no socket')
    }
    await runService(log, start, { explain: () => ({ sentence: 'There is no socket.', exitCode: 2 }) })
    expect(seen).toEqual(['There is no socket.', 'a closed'])
    expect(process.exitCode).toBe(2)
  })

  test('that is told to stop while it still opens closes what is open, and opens no more', async () => {
    const { seen, log, part } = notebook()
    let arrive = () => {}
    const arrived = new Promise<void>((resolve) => (arrive = resolve))
    const running = runService(log, async (use) => {
      use(part('a'))
      await arrived
      use(part('late'))
      use(part('never'))
    })
    await Promise.resolve()
    signal()
    await new Promise((resolve) => setImmediate(resolve))
    expect(seen).toEqual(['Stopping before everything has started.', 'a closed'])
    arrive()
    await running
    expect(seen.slice(2)).toEqual(['late closed', 'Stopped.'])
  })

  test('closes the rest although one part does not close, and its exit code says so', async () => {
    const { seen, log, part } = notebook()
    const running = runService(log, async (use) => {
      use(part('a'))
      use({ close: () => Promise.reject(new Error('stuck')) })
    })
    await Promise.resolve()
    signal()
    await running
    expect(seen).toContain('a closed')
    expect(process.exitCode).toBe(1)
  })
})
