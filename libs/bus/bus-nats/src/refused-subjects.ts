/**
 * Subjects that nats-server does not let this user publish or subscribe to. The server says so once and drops what was said: nobody else
 * would notice, so health tells it. Permissions may be edited while the server runs: a subject of which no refusal has come for a minute
 * is taken for allowed, and a refused subscription is tried again every half minute.
 */
const FORGOTTEN_AFTER_MS = 60_000
export const SUBSCRIBE_AGAIN_MS = 30_000

export interface RefusedSubject {
  readonly operation: string
  readonly subject: string
}

export class RefusedSubjects {
  /** By sentence: when it was refused last. */
  readonly #atMs = new Map<string, number>()

  get problem(): string | undefined {
    const [first] = this.#atMs.keys()
    return first
  }

  /** True: it is news. */
  note({ operation, subject }: RefusedSubject, nowMs: number): boolean {
    const sentence = sentenceOf({ operation, subject })
    const isNews = !this.#atMs.has(sentence)
    this.#atMs.set(sentence, nowMs)
    return isNews
  }

  /** A new connection: nothing was refused on it. */
  clear(): void {
    this.#atMs.clear()
  }

  tick(nowMs: number): void {
    for (const [sentence, atMs] of this.#atMs) if (nowMs - atMs >= FORGOTTEN_AFTER_MS) this.#atMs.delete(sentence)
  }
}

export function sentenceOf({ operation, subject }: RefusedSubject): string {
  return `nats-server does not let this user ${operation === 'publish' ? 'publish to' : 'subscribe to'} ${subject}`
}
