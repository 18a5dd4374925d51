/** Bounds on what the rules of lists may cost, and why a rule is refused. */
import { MAX_NAMES } from './collected-names.ts'

/** Why a rule was not taken. */
export const Refusal = {
  badName: 'bad-name',
  badKeyword: 'bad-keyword',
  badRegexp: 'bad-regexp',
  /** It matches names that have nothing in common. */
  tooBroad: 'too-broad',
  regexpTooLarge: 'regexp-too-large',
  tooManyRegexps: 'too-many-regexps',
  tooManyKeywords: 'too-many-keywords',
  /** For each form (number of labels, places of the stars) every name with that number of labels is looked up once more. */
  tooManyWildcardForms: 'too-many-wildcard-forms',
  tooManyNames: 'too-many-names',
} as const
export type Refusal = (typeof Refusal)[keyof typeof Refusal]

/** Each list has these for itself, so that none can use up another's; only `names` is for all lists together. */
export interface MatcherLimits {
  /** Each name counts once, or a little more often near the limit (CollectedNames). */
  readonly names: number
  /** Refused ones count too: compiling takes the time. */
  readonly regexps: number
  /** Regular expressions without a fixed text of three characters: they are tried on every name. */
  readonly unfilteredRegexps: number
  readonly regexpLength: number
  /** Instructions of one compiled expression; matching takes this times the length of the name, at worst. */
  readonly regexpSize: number
  /** Instructions of all compiled expressions; some 600 octets of memory each. */
  readonly regexpsSize: number
  /** Instructions of all that are tried on every name. */
  readonly unfilteredSize: number
  readonly keywords: number
  /** Wildcard forms for names of one number of labels. */
  readonly wildcardForms: number
}

export const DEFAULT_MATCHER_LIMITS: MatcherLimits = {
  names: MAX_NAMES,
  regexps: 2000,
  unfilteredRegexps: 100,
  regexpLength: 1000,
  regexpSize: 500,
  regexpsSize: 50_000,
  unfilteredSize: 2000,
  keywords: 10_000,
  wildcardForms: 8,
}
