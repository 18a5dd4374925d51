/** The mistakes of a configuration, all at once, each with its place. */

export interface Mistake {
  /** From 1; absent when the place is not in the file (an environment variable, something missing as a whole). */
  readonly line?: number
  readonly column?: number
  /** The full key, `bgp.routerID`, or the environment variable. */
  readonly key: string
  readonly seen: string
  readonly expected: string
  readonly suggestion?: string
}

/** The configuration cannot be used. The message has one line for each mistake. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly fileName: string
  readonly mistakes: readonly Mistake[]

  constructor(fileName: string, mistakes: readonly Mistake[], options?: ErrorOptions) {
    super(describeMistakes(fileName, mistakes), options)
    this.fileName = fileName
    this.mistakes = mistakes
  }
}

/** One line for each mistake, as compilers write them: `FILE:LINE: KEY: seen ..., expected ...; did you mean ...?` */
export function describeMistakes(fileName: string, mistakes: readonly Mistake[]): string {
  return mistakes.map((mistake) => describeMistake(fileName, mistake)).join('\n')
}

function describeMistake(fileName: string, { line, key, seen, expected, suggestion }: Mistake): string {
  const where = line === undefined ? fileName : `${fileName}:${line}`
  const meant = suggestion === undefined ? '' : `; did you mean ${suggestion}?`
  const what = key === '' ? seen : `${key}: ${seen}`
  return `${where}: ${what}${expected === '' ? '' : `, expected ${expected}`}${meant}`
}

/** The candidate that a slip of the fingers turns into `word`; undefined when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(1, Math.min(3, Math.floor(word.length / 3))) + 1
  const lower = word.toLowerCase()
  for (const candidate of candidates) {
    const distance = editDistance(lower, candidate.toLowerCase())
    if (distance < bestDistance) {
      bestDistance = distance
      best = candidate
    }
  }
  return best
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return 4
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let distance = Math.min(previous[column] + 1, current[column - 1] + 1, previous[column - 1] + (same ? 0 : 1))
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        distance = Math.min(distance, before[column - 2] + 1)
      current.push(distance)
    }
    before = previous
    previous = current
  }
  return previous[b.length]
}
