/** Runs builds one after the other. Requests that come while a build runs are gathered into the next one. */
import { newBuildRequest, type BuildRequest } from './build-request.ts'
import type { LoadedLists } from './list-definition.ts'

export class BuildQueue {
  readonly #build: (request: BuildRequest) => Promise<LoadedLists>
  #next: { readonly request: BuildRequest; readonly built: Promise<LoadedLists> } | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(build: (request: BuildRequest) => Promise<LoadedLists>) {
    this.#build = build
  }

  /** Adds to the next build; resolves when that build has ended. */
  add(change: (request: BuildRequest) => void): Promise<LoadedLists> {
    if (this.#next === undefined) {
      const request = newBuildRequest()
      const built = this.#last.then(() => {
        this.#next = undefined
        return this.#build(request)
      })
      this.#next = { request, built }
      this.#last = built.catch(() => undefined)
    }
    change(this.#next.request)
    return this.#next.built
  }

  /** Resolves when the last build has ended, also if it failed. */
  async idle(): Promise<void> {
    await this.#last
  }
}
