/** Globs over whole names, for formats whose `*` is not simply one label: made regular expressions over the normalized name. */
import { normalizeName } from './normalize-name.ts'

/**
 * The source that matches exactly what the glob does, `*` standing for `star` and `?` (when `anyOne` is given) for one character;
 * undefined when what stands between is no piece of a name.
 */
export function globToRegexp(glob: string, star: string, anyOne?: string): string | undefined {
  const source = globBody(glob, star, anyOne)
  return source === undefined ? undefined : `^${source}$`
}

/** The same without anchors. */
export function globBody(glob: string, star: string, anyOne?: string): string | undefined {
  let source = ''
  for (const piece of glob.split(anyOne === undefined ? /(\*+)/ : /(\*+|\?)/)) {
    if (piece === '') continue
    if (piece.startsWith('*')) source += star
    else if (piece === '?' && anyOne !== undefined) source += anyOne
    else {
      const literal = literalPiece(piece)
      if (literal === undefined) return undefined
      source += literal
    }
  }
  return source
}

/** Dots may stand at either end of a piece, as a `*` is beside it. */
function literalPiece(piece: string): string | undefined {
  const [, before = '', middle = '', after = ''] = /^(\.?)(.*?)(\.?)$/.exec(piece) ?? []
  if (middle === '') return before + after === '.' ? '\\.' : undefined
  const { name } = normalizeName(middle)
  if (name === undefined || name.includes('\\')) return undefined
  // A piece of a U-label is no A-label of its own.
  if (name.length !== middle.length) return undefined
  return `${before}${name}${after}`.replaceAll('.', '\\.')
}
