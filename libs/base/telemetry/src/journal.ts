/** What systemd's journal needs of a line: its priority, as a prefix that the journal removes (sd-daemon(3)). */
import { fstatSync } from 'node:fs'

const PRIORITIES = { debug: '<7>', info: '<6>', warn: '<4>', error: '<3>' } as const

export type JournalLevel = keyof typeof PRIORITIES

export const STANDARD_OUTPUT = 1
export const STANDARD_ERROR = 2

/** Whether `fd` leads to the journal. systemd names the pipe or socket that does (systemd.exec(5), JOURNAL_STREAM); another may have been put in its place. */
export function leadsToJournal(fd: number, journalStream = process.env['JOURNAL_STREAM']): boolean {
  if (journalStream === undefined) return false
  try {
    const { dev, ino } = fstatSync(fd)
    return journalStream === `${dev}:${ino}`
  } catch {
    return false // nothing is open there
  }
}

/** Each line of `text` with the priority of `level`. */
export function withPriority(level: JournalLevel, text: string): string {
  return text.replaceAll(/^(?=.)/gm, PRIORITIES[level])
}
