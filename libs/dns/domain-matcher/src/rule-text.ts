/** A rule as people read it: in verdicts, explanations and logs. */
import { RuleKind } from '@dnstap-bgp/domain-list'

/**
 * `example.org` (with its subdomains), `full:example.org`, `.example.org` (subdomains only), `*.example.org`, `keyword:ads`, `regexp:^ads\d`;
 * in front `@@` for an exception, behind `$important`.
 */
export function ruleText(kind: RuleKind, pattern: string, exception: boolean, important: boolean): string {
  return `${exception ? '@@' : ''}${PREFIX[kind]}${pattern}${important ? '$important' : ''}`
}

const PREFIX: Readonly<Record<RuleKind, string>> = {
  [RuleKind.suffix]: '',
  [RuleKind.exact]: 'full:',
  [RuleKind.subdomains]: '.',
  [RuleKind.wildcard]: '',
  [RuleKind.keyword]: 'keyword:',
  [RuleKind.regexp]: 'regexp:',
  [RuleKind.encloser]: 'exists:',
}
