/** Lists for Unbound by chance: local zones, and names with local data. */
import { nameBelow, type Dice, type Round } from './generate.ts'

/** A name has one line. */
export function localZonesOf(dice: Dice, top: string): string[] {
  const lines = new Map<string, string>()
  for (let many = 2 + dice.number(9); many > 0; many--) {
    const name = nameBelow(dice, top, 4)
    lines.set(name, dice.isOneOf(4) ? `local-data: "${name} A 192.0.2.9"` : `local-zone: "${name}" ${dice.pick(TYPES)}`)
  }
  return [...lines.values()]
}

const TYPES = [
  'always_nxdomain',
  'always_nxdomain',
  'refuse',
  'static',
  'always_refuse',
  'always_nodata',
  'always_null',
  'transparent',
  'typetransparent',
  'transparent',
] as const

/** Unbound leaves these names alone, and we list them: there an always_transparent zone also covers the local data in it. */
export const DIFFERENCES: readonly Round[] = [
  { lines: ['local-zone: "d1" always_transparent', 'local-data: "a.d1 A 192.0.2.9"'], names: ['a.d1'] },
]
