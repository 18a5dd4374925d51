/**
 * Regular expressions that say nothing but "this name", "this name and its subdomains" or "the subdomains". Lists hold thousands of them where
 * their format has no other way to say it: shadowsocks ACLs, RouterOS, v2fly.
 *
 *   (^|\.)example\.com$   (?:^|\.)example\.com$   ^(.+\.)?example\.com$   ^(.*\.)?example\.com$     the name and its subdomains
 *   ^example\.com$                                                                                this name alone
 *   \.example\.com$       ^.+\.example\.com$                                                        the subdomains
 *
 * What matches is the same set of names: an expression is searched in the whole name, and names hold no line ends.
 */
import { RuleKind } from './rule.ts'

export interface RegexpName {
  readonly kind: typeof RuleKind.suffix | typeof RuleKind.exact | typeof RuleKind.subdomains
  readonly name: string
}

export function nameOfRegexp(source: string): RegexpName | undefined {
  const match = ONE_NAME.exec(source)
  if (match === null) return undefined
  const [, suffix, exact, , escaped = ''] = match
  const name = escaped.replaceAll('\\', '')
  // `\.example\.com$` also matches what begins with an empty label, which no name does.
  const kind = suffix !== undefined ? RuleKind.suffix : exact !== undefined ? RuleKind.exact : RuleKind.subdomains
  return { kind, name }
}

const ONE_NAME =
  /^(?:(\((?:\?:)?\^\|\\\.\)|\^\((?:\?:)?\.[*+]\\\.\)\?)|(\^)|(\^?\.[+]\\\.|\\\.))((?:[a-z0-9_](?:[a-z0-9_-]|\\-)*\\\.)*[a-z0-9_](?:[a-z0-9_-]|\\-)*)\$$/i
