/** The command was called with arguments it cannot work with. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
