/** The file of a listening UNIX socket. It can be told from another file that came to the same path later. */
import { lstatSync, rmSync, type Stats } from 'node:fs'

export class SocketFile {
  readonly path: string
  readonly #stat: Stats | undefined

  /** @param stat of the socket; default: of the file that is at the path now */
  constructor(path: string, stat = statOf(path)) {
    this.path = path
    this.#stat = stat
  }

  /** Is this socket still at its path? */
  get isInPlace(): boolean {
    try {
      const now = statOf(this.path)
      return this.#stat !== undefined && now?.ino === this.#stat.ino && now.dev === this.#stat.dev
    } catch {
      return false // a folder of the path cannot be read any more
    }
  }

  /** Removes the file, unless another one is there. Call it when the server is closed. */
  remove(): void {
    if (this.isInPlace) rmSync(this.path)
  }
}

/** Undefined: nothing is there. Links are not followed. */
export function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}
