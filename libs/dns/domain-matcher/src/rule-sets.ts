/**
 * Sets of rules that names carry, interned: a million names of three lists have a handful of different ones. For MatcherBuilder.
 * Set 0 is empty.
 */
import { RuleKind } from '@dnstap-bgp/domain-list'
import { atomIsException, atomIsImportant, atomKind, atomList, Effect } from './layout.ts'

const ATOM_SPACE = 2 ** 21 // MAX_LISTS * 32

export class RuleSets {
  readonly #atoms: (readonly number[])[] = [[]]
  readonly #grown = new Map<number, number>() // set * ATOM_SPACE + atom -> the set with that atom
  readonly #byContent = new Map<string, number>([['', 0]])

  get size(): number {
    return this.#atoms.length
  }

  atoms(set: number): readonly number[] {
    return this.#atoms[set]
  }

  /** The set with one rule more; the same set when it has the rule already. */
  with(set: number, atom: number): number {
    const key = set * ATOM_SPACE + atom
    const known = this.#grown.get(key)
    if (known !== undefined) return known
    const atoms = this.#atoms[set]
    const grown = atoms.includes(atom) ? set : this.#intern([...atoms, atom].sort((a, b) => a - b))
    this.#grown.set(key, grown)
    return grown
  }

  hasList(set: number, list: number): boolean {
    return this.#atoms[set].some((atom) => atomList(atom) === list)
  }

  #intern(atoms: readonly number[]): number {
    const content = atoms.join()
    let set = this.#byContent.get(content)
    if (set === undefined) {
      set = this.#atoms.push(atoms) - 1
      this.#byContent.set(content, set)
    }
    return set
  }
}

/** What the rules of a set do: to the name they stand at (below = false), or to a name further below. */
export function effectOf(atoms: readonly number[], below: boolean): number {
  let effect = 0
  for (const atom of atoms) {
    if (!appliesTo(atomKind(atom), below)) continue
    if (atomKind(atom) === RuleKind.encloser) effect |= Effect.encloses
    else if (atomIsException(atom)) effect |= atomIsImportant(atom) ? Effect.exceptsImportant : Effect.excepts
    else effect |= atomIsImportant(atom) ? Effect.feedsImportant : Effect.feeds
  }
  return effect
}

/** A wildcard is stored whole, so it matches at its own depth like an exact name. */
export function appliesTo(kind: RuleKind, below: boolean): boolean {
  if (kind === RuleKind.suffix || kind === RuleKind.encloser) return true
  return kind === RuleKind.subdomains ? below : !below
}
