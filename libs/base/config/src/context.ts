/** What the readers of all tables share. */
import type { Reading } from './section.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Context {
  /** Relative paths start here. */
  readonly folder: string
  readonly reading: Reading
  readonly environment: Environment
}
