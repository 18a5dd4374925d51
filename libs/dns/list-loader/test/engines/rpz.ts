/** Response policy zones by chance. */
import { nameBelow, type Dice } from './generate.ts'
import { DENIED, ZONE } from './resolvers.ts'

/** A few policies that meet. A trigger has one policy, as the zone files of both resolvers want it. */
export function policiesOf(dice: Dice, top: string): string[] {
  const policies = new Map<string, string>()
  for (let lines = 2 + dice.number(9); lines > 0; lines--) {
    const name = nameBelow(dice, top, 4)
    policies.set(dice.isOneOf(2) ? `*.${name}` : name, dice.pick(POLICIES))
  }
  return [...policies].map(([trigger, policy]) => `${trigger} ${policy}`)
}

const POLICIES = [
  'CNAME .',
  'CNAME .',
  'CNAME *.',
  'A 192.0.2.9',
  'CNAME rpz-passthru.',
  'CNAME rpz-passthru.',
  'CNAME rpz-tcp-only.',
] as const

export function zoneOf(policies: readonly string[]): string {
  return `$TTL 60\n$ORIGIN ${ZONE}.\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n@ NS localhost.\n${DENIED} CNAME .\n${policies.join('\n')}\n`
}

/**
 * Is the name an empty non-terminal, or below one? It exists, for a name below it has a policy, and has none itself. RFC 4592 and BIND end
 * the reach of a wildcard there; Unbound does not, unless the name's neighbour in the zone happens to stand below it too.
 */
export function isUnderEmptyNonTerminal(name: string, policies: readonly string[]): boolean {
  const triggers = policies.map((policy) => policy.split(' ', 1)[0] ?? '')
  const labels = name.split('.')
  return labels.some((_, i) => {
    const above = labels.slice(i).join('.')
    return !triggers.includes(above) && triggers.some((trigger) => trigger.endsWith(`.${above}`))
  })
}
