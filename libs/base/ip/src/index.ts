export { formatAddress, isIpv4Mapped, parseAddress } from './address.ts'
export { containsAddress, formatPrefix, hostPrefix, parsePrefix, withoutHostBits } from './prefix.ts'
export type { Prefix } from './prefix.ts'
export { PrefixSet } from './prefix-set.ts'
