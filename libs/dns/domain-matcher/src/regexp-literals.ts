/**
 * What a name must contain before a regular expression is worth trying.
 *
 * The matcher looks for these pieces with one automaton for all expressions, so that a hundred expressions cost a name next to
 * nothing. Only what is certain counts: text outside of groups, classes and repetitions. An expression that is not understood here yields no piece,
 * and the expression is tried on every name.
 */

const MIN_PIECE = 3

/**
 * One piece for each alternative of the source (RE2 syntax); a match contains at least one of them, in lower case. Undefined: nothing
 * certain.
 */
export function requiredPieces(source: string): string[] | undefined {
  const pieces: string[] = []
  let longest = ''
  let run = ''
  const endRun = () => {
    if (run.length > longest.length) longest = run
    run = ''
  }
  let i = 0
  while (i < source.length) {
    const c = source[i]
    let literal: string | undefined
    if (c === '\\') {
      const escaped = source[i + 1] ?? ''
      if (/[^0-9A-Za-z]/.test(escaped)) literal = escaped
      // Classes and the start, end or edge of a word; anything else (\Q, \x, \1) may mean more than its two characters.
      else if (!/[dDsSwWbBAz]/.test(escaped)) return undefined
      i += 2
    } else if (c === '(' || c === '[') {
      const end = c === '(' ? endOfGroup(source, i) : endOfClass(source, i)
      if (end < 0) return undefined
      // (?i) and its like turn what follows, up to the end of our group, into something else.
      if (c === '(' && source[i + 1] === '?' && !source.startsWith('(?:', i)) return undefined
      i = end
    } else if (c === '|') {
      endRun()
      if (longest.length < MIN_PIECE) return undefined
      pieces.push(longest)
      longest = ''
      i++
      continue
    } else {
      if (!'^$.'.includes(c)) literal = c
      i++
    }

    const repetition = repetitionAt(source, i)
    i += repetition.length
    if (literal === undefined || !isPlain(literal)) endRun()
    else if (repetition === '') run += literal.toLowerCase()
    else if (repetition[0] === '+') {
      run += literal.toLowerCase()
      endRun()
    } else endRun()
  }
  endRun()
  if (longest.length < MIN_PIECE) return undefined
  pieces.push(longest)
  return [...new Set(pieces)]
}

/** Octets that names have in lower case and that no case folding of Unicode reaches (k and s have a third form, past ASCII). */
function isPlain(character: string): boolean {
  return /^[\x21-\x7e]$/.test(character)
}

function repetitionAt(source: string, at: number): string {
  return /^(?:[*+?]|\{\d*,?\d*\})+/.exec(source.slice(at, at + 64))?.[0] ?? ''
}

/** Behind the `)` that closes the group opened at `at`; -1 when there is none. */
function endOfGroup(source: string, at: number): number {
  let depth = 0
  for (let i = at; i < source.length; i++) {
    const c = source[i]
    if (c === '\\') {
      if (source[i + 1] === 'Q') return -1
      i++
    } else if (c === '[') {
      const end = endOfClass(source, i)
      if (end < 0) return -1
      i = end - 1
    } else if (c === '(') depth++
    else if (c === ')' && --depth === 0) return i + 1
  }
  return -1
}

/** Behind the `]`; one directly after the opening stands for itself, and `[:alpha:]` may stand inside. */
function endOfClass(source: string, at: number): number {
  let i = at + 1
  if (source[i] === '^') i++
  if (source[i] === ']') i++
  for (; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source.startsWith('[:', i)) {
      const end = source.indexOf(':]', i)
      if (end < 0) return -1
      i = end + 1
    } else if (source[i] === ']') return i + 1
  }
  return -1
}
