/**
 * The output of every list format: rules over normalized names, addresses, and a reason for each part that is neither.
 *
 * Patterns of the kinds suffix, exact, subdomains and wildcard are normalized names: A-labels, lower case, RFC 1035 §5.1 escapes, no
 * trailing dot, no empty label, at most 255 octets on the wire. A keyword is a lower-case substring. A regexp is searched, unanchored
 * and ignoring case, in the lower-case name without trailing dot.
 */

export const RuleKind = {
  /** The name and its subdomains. */
  suffix: 0,
  exact: 1,
  /** The names below it, at any depth, not the name itself. */
  subdomains: 2,
  /** At least one label is `*`; each stands for exactly one label. */
  wildcard: 3,
  keyword: 4,
  regexp: 5,
  /**
   * No rule of a list's own: a name that exists in its zone. Rules of the same list for names above it do not reach it, or names below it
   * (RFC 4592 §3.3.1, the closest encloser). The matcher makes these for response policy zones.
   */
  encloser: 6,
} as const
export type RuleKind = (typeof RuleKind)[keyof typeof RuleKind]
export type RuleKindName = Exclude<keyof typeof RuleKind, 'encloser'>

export const ParserFormat = {
  plain: 'plain',
  hosts: 'hosts',
  dnsmasq: 'dnsmasq',
  adblock: 'adblock',
  v2fly: 'v2fly',
  geosite: 'geosite',
  srs: 'srs',
  mrs: 'mrs',
  rpz: 'rpz',
  singBox: 'sing-box',
  clash: 'clash',
  routeros: 'routeros',
  autoproxy: 'autoproxy',
  unbound: 'unbound',
  smartdns: 'smartdns',
  dnscrypt: 'dnscrypt',
  shadowsocks: 'shadowsocks',
  domainSet: 'domain-set',
  geositeYaml: 'geosite-yaml',
} as const
export type ParserFormat = (typeof ParserFormat)[keyof typeof ParserFormat]

/** Overrides what a format says about names: `exact` narrows "and its subdomains" away, `suffix` adds it. */
export const ListMatch = { auto: 'auto', exact: 'exact', suffix: 'suffix' } as const
export type ListMatch = (typeof ListMatch)[keyof typeof ListMatch]

export const SkipReason = {
  // Lines and names
  lineTooLong: 'line-too-long',
  badSyntax: 'bad-syntax',
  badUtf8: 'bad-utf8',
  badCharacter: 'bad-character',
  badEscape: 'bad-escape',
  badIdn: 'bad-idn',
  emptyName: 'empty-name',
  emptyLabel: 'empty-label',
  labelTooLong: 'label-too-long',
  nameTooLong: 'name-too-long',
  url: 'url',
  /** A word without a dot beside others: prose rather than a top-level domain. */
  singleWord: 'single-word',
  /** It would cover every name there is. */
  tooBroad: 'too-broad',
  // Addresses
  badAddress: 'bad-address',
  addressRange: 'address-range',
  addressException: 'address-exception',
  // hosts
  localName: 'local-name',
  noName: 'no-name',
  // Rules of a format that have no meaning here, or one that cannot be honoured
  unsupportedDirective: 'unsupported-directive',
  unsupportedModifier: 'unsupported-modifier',
  unsupportedPattern: 'unsupported-pattern',
  unsupportedRule: 'unsupported-rule',
  unsupportedCondition: 'unsupported-condition',
  cosmeticRule: 'cosmetic-rule',
  badKeyword: 'bad-keyword',
  badRegexp: 'bad-regexp',
  regexpTooLong: 'regexp-too-long',
  disabled: 'disabled',
  /** Another line of the list switches it off: AdBlock's $badfilter. */
  switchedOff: 'switched-off',
  /** It holds at some times of the day only. */
  timedRule: 'timed-rule',
  /** A section of the file whose names are not the listed ones. */
  otherSection: 'other-section',
  // v2fly, geosite
  includeNotFound: 'include-not-found',
  includeCycle: 'include-cycle',
  includeTooDeep: 'include-too-deep',
  includeRefused: 'include-refused',
  siteNotFound: 'site-not-found',
  // RPZ
  rpzTrigger: 'rpz-trigger',
  rpzAction: 'rpz-action',
  outOfZone: 'out-of-zone',
} as const
export type SkipReason = (typeof SkipReason)[keyof typeof SkipReason]

/** Skips that lose nothing: the line was understood, and it says nothing about names. */
export const HARMLESS_SKIPS: ReadonlySet<SkipReason> = new Set([
  SkipReason.localName,
  SkipReason.cosmeticRule,
  SkipReason.disabled,
  SkipReason.switchedOff,
  SkipReason.otherSection,
])

/** Skips because something is over a limit of this package. The rules are lost, although their lines are correct. */
const CAPS = [SkipReason.lineTooLong, SkipReason.regexpTooLong, SkipReason.includeTooDeep, SkipReason.includeRefused] as const
export type CapSkip = (typeof CAPS)[number]
export const CAP_SKIPS: ReadonlySet<SkipReason> = new Set(CAPS)

/** What an operator should know about a rule that was taken. */
export const RuleNote = {
  /** The rule covers a whole public suffix: `com`, `co.uk`. */
  publicSuffix: 'public-suffix',
  /** An address with bits behind its prefix length, which were cleared as the format's own program does. */
  hostBits: 'host-bits',
} as const
export type RuleNote = (typeof RuleNote)[keyof typeof RuleNote]

export interface RuleSink {
  rule(kind: RuleKind, pattern: string, exception: boolean, important: boolean, line: number): void
  /** An IP address or CIDR in the list, canonical text with its length: `192.0.2.1/32`. */
  address(prefix: string, line: number): void
  /** A part of the list that gave no rule. `text`: that part, cut short and without control characters. */
  skip(reason: SkipReason, line: number, text: string): void
  /** A rule that was taken and deserves a warning. */
  note?(note: RuleNote, line: number, text: string): void
  /**
   * An exception that was skipped, told after its skip(). While it is missing, the rules that it excepts from cover too much.
   * `name`: the name that it stands for, normalized; '' when the exception is not one of a single name.
   */
  exceptionSkipped?(line: number, name: string, text: string): void
  /**
   * May be given beside `rule`: then names that come straight from bytes (nearly all, in a big plain list) are handed over as such,
   * and no string is made. The same pattern as `rule` would be given, as ASCII from `start` to `end`, valid during the call only.
   */
  ruleBytes?(
    kind: RuleKind,
    bytes: Uint8Array,
    start: number,
    end: number,
    exception: boolean,
    important: boolean,
    line: number,
  ): void
}

export interface ListOptions {
  readonly match?: ListMatch
  /** Bytes of one line that are looked at; a longer one is skipped. */
  readonly maxLineBytes?: number
  /** v2fly: the bytes of the list an `include:` names. */
  readonly include?: (name: string) => Uint8Array | undefined
  /** v2fly: only entries with all of these attributes; `-ads` means without it. */
  readonly attributes?: readonly string[]
  /** geosite: the lists to take, `google`, `google@cn`, `google@-ads`. */
  readonly sites?: readonly string[]
  /** RPZ: the zone's name, where the file does not say it by $ORIGIN or an absolute SOA owner. */
  readonly origin?: string
}

export interface ListSummary {
  readonly format: ParserFormat
  /** Lines read, comments included; for geosite and JSON: entries, and lines of the text. */
  readonly lines: number
  /** Rules given to the sink, by kind. */
  readonly rules: Readonly<Record<RuleKindName, number>>
  /** How many of those rules are exceptions, and how many important. */
  readonly exceptions: number
  readonly important: number
  readonly addresses: number
  /** What became no rule, by reason; and how many in all. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>
  readonly skippedTotal: number
  /** Lines (entries of JSON and geosite) that were understood whole: each gave rules, or says nothing about names (HARMLESS_SKIPS). */
  readonly understoodLines: number
  /** Of those: the lines that gave a rule or an address. */
  readonly linesWithRules: number
  /** The other lines with content, each by the first reason why it or a part of it was skipped. */
  readonly skippedLines: Readonly<Partial<Record<SkipReason, number>>>
  /** The part of `skipped` that is due to a limit (CAP_SKIPS). */
  readonly lostToCaps: Readonly<Partial<Record<SkipReason, number>>>
  /** How many exceptions were skipped: see RuleSink.exceptionSkipped. */
  readonly exceptionsSkipped: number
  /** Warnings about rules that were taken, by kind. */
  readonly notes: Readonly<Partial<Record<RuleNote, number>>>
}
