/** What went wrong, for a log or an error message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
