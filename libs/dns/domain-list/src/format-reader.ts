/** What a format has to be: fed lines, or, where lines mean nothing (geosite, JSON), fed chunks. Both speak to a RuleEmitter. */

export interface LineFormat {
  /** One line without its end; valid during the call. */
  line(bytes: Uint8Array, start: number, end: number): void
  /** The list is over. */
  end?(): void
}

export interface ChunkFormat {
  push(chunk: Uint8Array): void
  end(): void
}
