/** A rule as people read it: in verdicts, explanations and logs. */
import { nameToText } from '@dnstap-bgp/dns-wire'
import { RuleKind } from '@dnstap-bgp/domain-list'
import { STAR } from './hash.ts'

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
}

/** A stored name, stars included, in presentation format. */
export function storedNameToText(bytes: Uint8Array, offset: number): string {
  const labels: string[] = []
  const label = new Uint8Array(65)
  let at = offset
  while (bytes[at] !== 0) {
    if (bytes[at] === STAR) {
      labels.push('*')
      at++
      continue
    }
    label.fill(0)
    for (let i = 0; i <= bytes[at]; i++) label[i] = bytes[at + i]
    const text = nameToText(label, 0)
    labels.push(text === '*' ? '\\*' : text)
    at += bytes[at] + 1
  }
  return labels.length === 0 ? '.' : labels.join('.')
}
