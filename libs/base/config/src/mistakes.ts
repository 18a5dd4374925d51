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
