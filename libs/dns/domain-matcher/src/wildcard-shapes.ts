/** The forms of the wildcards of a matcher that is being built. For each form, names of its number of labels are looked up once more. */
import type { WildcardShape } from './layout.ts'
import { labelWords, STAR } from './packed-name.ts'

export class WildcardShapes {
  readonly #maxOfLabels: number
  readonly #shapes = new Map<string, WildcardShape>()
  readonly #byList: Map<number, Set<string>>[] = [] // by number of labels

  constructor(maxOfLabels: number) {
    this.#maxOfLabels = maxOfLabels
  }

  addList(): void {
    this.#byList.push(new Map())
  }

  get all(): WildcardShape[] {
    return [...this.#shapes.values()]
  }

  /** False: the list has too many forms for this number of labels. */
  note(list: number, packed: Int32Array, end: number, labels: number): boolean {
    const stars: number[] = []
    for (let at = 0, depth = 0; at < end; at += labelWords(packed[at]), depth++) if (packed[at] === STAR) stars.push(depth)
    const key = `${labels}:${stars.join()}`
    const ofList = this.#byList[list]
    const ofLabels = ofList.get(labels) ?? new Set()
    if (ofLabels.has(key)) return true
    if (ofLabels.size >= this.#maxOfLabels) return false
    ofList.set(labels, ofLabels.add(key))
    this.#shapes.set(key, { labels, stars })
    return true
  }
}
