/** Processes and folders that tests made: killed and removed when the test process ends. */
import type { ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'

/** Leaders of process groups. */
export const children = new Set<ChildProcess>()
export const folders = new Set<string>()

process.once('exit', () => {
  for (const child of children) signalGroup(child, 'SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Signals a child that was started detached, and all that it started. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The group is gone already.
  }
}
