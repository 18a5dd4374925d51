/** The reader of a format takes lines, or chunks if the format has no lines (geosite, JSON). Both give rules to a RuleEmitter. */

export interface LineFormat {
  /**
   * A line of the shape that nearly all lines of a big list have, read from its octets alone. False: the line is another, nothing was done, and
   * line() must read it. A line that is read here must be ASCII, and line() would give the same.
   */
  usualLine?(bytes: Uint8Array, start: number, end: number): boolean
  /** One line without its end; valid during the call. */
  line(bytes: Uint8Array, start: number, end: number): void
  /** The list is over. */
  end?(): void
}

export interface ChunkFormat {
  push(chunk: Uint8Array): void
  end(): void
}
