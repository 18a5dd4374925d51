/**
 * Classical rules, as Clash and mihomo, Surge, Loon and Quantumult X write them: `TYPE,value` with a policy and options behind it.
 *
 *   DOMAIN,example.com          HOST,example.com,Proxy                 this name alone
 *   DOMAIN-SUFFIX,example.com   host-suffix, example.com, Proxy        the name and its subdomains
 *   DOMAIN-KEYWORD,word         DOMAIN-REGEX,^ad[0-9]+\.               DOMAIN-WILDCARD,ad?.*.example.com
 *   IP-CIDR,192.0.2.0/24,no-resolve     IP-CIDR6, IP6-CIDR
 *
 * Types are known in either case. What other types ask for (a process, a port, a country, another rule set) is no name, so such a rule is
 * skipped; so is one about source addresses.
 */
import { globToRegexp } from './glob.ts'
import { looksLikeAddress } from './plain-words.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'

/** Is this a line of `TYPE,value`, of a type that such rules have? */
export function isClassical(text: string): boolean {
  return text.includes(',') && CLASSICAL.test(text)
}

export function classicalRule(emitter: RuleEmitter, text: string): void {
  const comma = text.indexOf(',')
  const type = text.slice(0, comma).trim().toUpperCase()
  const rest = text.slice(comma + 1).trim()
  const [value = '', ...extras] = (type === 'DOMAIN-REGEX' ? regexpAndPolicy(rest) : rest.split(',')).map((field) => field.trim())
  if (extras.some((extra) => extra.toLowerCase() === 'src')) return emitter.skip(SkipReason.unsupportedRule, text)
  switch (type) {
    case 'DOMAIN':
    case 'HOST':
      return emitter.name(RuleKind.exact, value)
    case 'DOMAIN-SUFFIX':
    case 'HOST-SUFFIX':
      return emitter.name(RuleKind.suffix, value.replace(/^\.(?=[^.])/, ''))
    case 'DOMAIN-KEYWORD':
    case 'HOST-KEYWORD':
      return emitter.keyword(value)
    case 'DOMAIN-REGEX':
      return emitter.regexp(value)
    case 'DOMAIN-WILDCARD':
    case 'HOST-WILDCARD': {
      if (/^[*.?]*$/.test(value)) return emitter.skip(SkipReason.tooBroad, text)
      const source = globToRegexp(value, '.*', '.')
      return source === undefined ? emitter.skip(SkipReason.unsupportedPattern, text) : emitter.regexp(source)
    }
    case 'IP-CIDR':
    case 'IP-CIDR6':
    case 'IP6-CIDR':
      if (!looksLikeAddress(value) || !emitter.address(value, false, true)) emitter.skip(SkipReason.badAddress, text)
      return
    default:
      return emitter.skip(SkipReason.unsupportedRule, text)
  }
}

/** A regular expression may itself hold commas, so only a policy that stands behind its final `$` is told from it. */
function regexpAndPolicy(text: string): string[] {
  const end = text.lastIndexOf('$')
  return end > 0 && /^\s*,[^|()[\]{}\\]*$/.test(text.slice(end + 1)) ? [text.slice(0, end + 1)] : [text]
}

const CLASSICAL =
  /^(?:(?:DOMAIN|HOST)(?:-SUFFIX|-KEYWORD|-REGEX|-WILDCARD|-SET)?|IP-CIDR6?|IP6-CIDR|RULE-SET|GEOSITE|GEOIP|SRC-IP(?:-CIDR)?|(?:DEST|DST|SRC|IN)-PORT|PROCESS-NAME|PROCESS-PATH|USER-AGENT|URL-REGEX|IP-ASN|NETWORK|PROTOCOL|SUBNET|SCRIPT|AND|OR|NOT)\s*,/i
