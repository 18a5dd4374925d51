/** Why a whole list is refused. One bad line is no reason: it is skipped, and told to the sink (SkipReason in rule.ts). */
export const ListFault = {
  /** The octets are compressed: the caller must unpack them first. */
  compressed: 'compressed',
  /** UTF-16 or UTF-32 by its byte order mark, or octets that are no UTF-8 outside of comments. */
  notUtf8: 'not-utf8',
  /** NUL octets, or a binary format that is not read. */
  binary: 'binary',
  /** A web page stands where the list should: an error page, a captive portal. */
  htmlPage: 'html-page',
  /** JSON or protobuf that does not follow its grammar: what comes after the fault cannot be trusted. */
  malformed: 'malformed',
  /** JSON or protobuf that ends in the middle. */
  truncated: 'truncated',
  /** JSON nested deeper than anybody writes. */
  tooDeep: 'too-deep',
  /** One piece that has to be held in memory (a JSON rule, a geosite entry) is larger than allowed. */
  tooLarge: 'too-large',
  /** A geosite file holds hundreds of lists; the configuration has to say which. */
  noSiteChosen: 'no-site-chosen',
  /** Attributes or sites were chosen of a format that has none: taking the whole list instead would be more than was asked for. */
  noSuchChoice: 'no-such-choice',
  unknownFormat: 'unknown-format',
} as const
export type ListFault = (typeof ListFault)[keyof typeof ListFault]

/** The only error that parsing throws. What the sink was given before belongs to a list that is refused as a whole. */
export class ListError extends Error {
  override readonly name = 'ListError'
  readonly fault: ListFault
  readonly line: number

  constructor(fault: ListFault, line: number, message: string) {
    super(line > 0 ? `line ${line}: ${message}` : message)
    this.fault = fault
    this.line = line
  }
}
