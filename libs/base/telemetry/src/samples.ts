import type { Sample } from './metrics.ts'

/** A record of counters as samples of one label: `{ never: 3 }` under `reason` becomes `reason="never" 3`. */
export function samplesOf<Label extends string>(label: Label, values: Readonly<Record<string, number>>): Sample<Label>[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name } as Record<Label, string>, value }))
}
