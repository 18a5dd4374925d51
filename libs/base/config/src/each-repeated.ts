/** Calls `report` once for each name that is there more than once. */
export function eachRepeated(names: readonly string[], report: (name: string) => void): void {
  const seen = new Set<string>()
  const told = new Set<string>()
  for (const name of names) {
    if (seen.has(name) && !told.has(name)) report(name)
    if (seen.has(name)) told.add(name)
    seen.add(name)
  }
}
