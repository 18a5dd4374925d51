/** The sentence for the operator when something failed, and the exit code. */
import { ConfigError } from '@dnstap-bgp/config'

/** The arguments are not what the program or command takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The message of a typed error is the sentence for the operator. Any other error is a bug and is shown with its stack. */
export function explainError(error: unknown): { sentence: string; exitCode: number } {
  if (error instanceof ConfigError || error instanceof UsageError) return { sentence: error.message, exitCode: 2 }
  if (!(error instanceof Error)) return { sentence: String(error), exitCode: 1 }
  const isTyped = error.constructor !== Error && !BUILT_IN.has(error.name)
  return { sentence: isTyped ? error.message : (error.stack ?? error.message), exitCode: 1 }
}

const BUILT_IN = new Set(['Error', 'TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'URIError', 'AssertionError'])
