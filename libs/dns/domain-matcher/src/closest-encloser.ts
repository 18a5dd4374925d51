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
import { hashWords, tagOf } from './hash.ts'
import type { HashKey } from './hash.ts'
import { atomKind, atomList } from './layout.ts'
import type { NameTable } from './name-table.ts'
import { labelWords } from './packed-name.ts'
import type { RuleSets } from './rule-sets.ts'

/** The packed names to mark in this list; a name may come more than once. */
export function enclosersOf(list: number, table: NameTable, ruleSets: RuleSets, key: HashKey): Int32Array[] {
  const kindsBySet = new Map<number, number>()
  const kindsOf = (entry: number): number => {
    if (entry < 0) return 0
    const set = table.ruleSet(entry)
    let kinds = kindsBySet.get(set)
    if (kinds === undefined) {
      kinds = 0
      for (const atom of ruleSets.atoms(set)) if (atomList(atom) === list) kinds |= 1 << atomKind(atom)
      kindsBySet.set(set, kinds)
    }
    return kinds
  }

  const marks: Int32Array[] = []
  table.visit((entry, name, from, end) => {
    if ((kindsOf(entry) & (IN_ZONE | MARKED)) === 0) return
    let isReached = false // by a wildcard above
    let hash = key.root
    for (let at = from; at < end;) {
      const behind = at + labelWords(name[at])
      hash = hashWords(hash, key, name, at, behind)
      at = behind
      const kinds = kindsOf(at === end ? entry : table.find(tagOf(hash), name, from, at))
      if (isReached && (kinds & IN_ZONE) !== IN_ZONE && (kinds & MARKED) === 0) marks.push(name.slice(from, at))
      isReached = (kinds & WILDCARD) !== 0
    }
  })
  return marks
}

const WILDCARD = 1 << RuleKind.subdomains
/** Rules of a zone: a name's own, and the wildcard's below it. */
const IN_ZONE = WILDCARD | (1 << RuleKind.exact)
const MARKED = 1 << RuleKind.encloser
