/**
 * Which names of a zone end the reach of the wildcards above them (RFC 4592 §3.3.1).
 *
 *     *.example.  CNAME .                  .example covers every name below example ...
 *     ok.example. CNAME rpz-passthru.      ... but not ok.example, and no name below it: ok.example exists in the zone
 *     a.b.example. CNAME .                 nor b.example: it exists too, without records
 *
 * A name that exists hides the wildcards above it from itself and from all names below it. MatcherBuilder asks this once for a list that is
 * a response policy zone, when all its rules are in, and marks the names found with RuleKind.encloser. A name that has a rule of its own and
 * a wildcard of its own needs no mark: its rules are more specific than the wildcard above it.
 */
import { RuleKind } from '@dnstap-bgp/domain-list'
import type { CollectedNames } from './collected-names.ts'
import { hashWords, tagOf } from './hash.ts'
import type { HashKey } from './hash.ts'
import { atomKind, atomList, filterBits } from './layout.ts'
import { labelWords } from './packed-name.ts'
import type { RuleSets } from './rule-sets.ts'

/** The packed names to mark in this list; a name may come more than once. The names must be settled. */
export function enclosersOf(list: number, names: CollectedNames, ruleSets: RuleSets, key: HashKey): Int32Array[] {
  const kindsBySet = new Map<number, number>()
  const kindsOf = (set: number): number => {
    let kinds = kindsBySet.get(set)
    if (kinds === undefined) {
      kinds = 0
      for (const atom of ruleSets.atoms(set)) if (atomList(atom) === list) kinds |= 1 << atomKind(atom)
      kindsBySet.set(set, kinds)
    }
    return kinds
  }
  const kindsAt = (tag: number, name: Int32Array, from: number, end: number): number => {
    const set = names.find(tag, name, from, end)
    return set < 0 ? 0 : kindsOf(set)
  }

  const owners = new TagFilter(names.size)
  names.visit((set, name, from, end) => {
    if ((kindsOf(set) & WILDCARD) !== 0) owners.add(tagOf(hashWords(key.root, key, name, from, end)))
  })

  const marks: Int32Array[] = []
  names.visit((set, name, from, end) => {
    if ((kindsOf(set) & (IN_ZONE | MARKED)) === 0) return
    let hash = key.root
    let mayBeReached = false // the name above, with tag `above` and up to `at`, may own a wildcard
    let above = 0
    for (let at = from; at < end;) {
      const behind = at + labelWords(name[at])
      hash = hashWords(hash, key, name, at, behind)
      const tag = tagOf(hash)
      if (mayBeReached) {
        const kinds = behind === end ? kindsOf(set) : kindsAt(tag, name, from, behind)
        if ((kinds & IN_ZONE) !== IN_ZONE && (kinds & MARKED) === 0 && (kindsAt(above, name, from, at) & WILDCARD) !== 0)
          marks.push(name.slice(from, behind))
      }
      mayBeReached = owners.mayHave(tag)
      above = tag
      at = behind
    }
  })
  return marks
}

/** Is this the tag of a name that owns a wildcard? Says yes to a few others: most names above the names of a zone own none. */
class TagFilter {
  readonly #words: Int32Array
  readonly #shift: number

  constructor(names: number) {
    const bits = Math.max(1, Math.ceil(Math.log2(Math.max(1, names / 4))))
    this.#words = new Int32Array(2 ** bits)
    this.#shift = 32 - bits
  }

  add(tag: number): void {
    this.#words[tag >>> this.#shift] |= filterBits(tag)
  }

  mayHave(tag: number): boolean {
    const bits = filterBits(tag)
    return (this.#words[tag >>> this.#shift] & bits) === bits
  }
}

const WILDCARD = 1 << RuleKind.subdomains
/** Rules of a zone: a name's own, and the wildcard's below it. */
const IN_ZONE = WILDCARD | (1 << RuleKind.exact)
const MARKED = 1 << RuleKind.encloser
