/** An engine of a browser extension, asked whether it blocks the first page of a site. Rules by chance for it and for us. */
import { FiltersEngine, Request } from '@ghostery/adblocker'
import { nameBelow, type Dice, type Round } from './generate.ts'
import type { Verdicts } from './verdicts.ts'

/** By name: is a script from there blocked on a page of another site? */
export function engineVerdicts(rules: readonly string[], names: readonly string[]): Verdicts {
  const engine = FiltersEngine.parse(rules.join('\n'))
  const isBlocked = (name: string) =>
    engine.match(Request.fromRawDetails({ url: `https://${name}/`, type: 'script', sourceUrl: 'https://page.example/' })).match
  return new Map(names.map((name) => [name, isBlocked(name)]))
}

/** Forms that say the same of a URL and of a name. Exceptions stand only for names that no rule is more specific about (DIFFERENCES). */
export function rulesOf(dice: Dice, top: string): string[] {
  const rules = new Set<string>()
  for (let lines = 2 + dice.number(9); lines > 0; lines--) {
    const name = nameBelow(dice, top, 4)
    rules.add(dice.pick(FORMS).replace('NAME', name))
  }
  const blocked = [...rules].filter((rule) => !rule.startsWith('@@')).map(nameIn)
  const isLessSpecific = (rule: string) => rule.startsWith('@@') && blocked.some((name) => name.endsWith(`.${nameIn(rule)}`))
  return [...rules].filter((rule) => !isLessSpecific(rule))
}

const FORMS = [
  '||NAME^',
  '||NAME^',
  '||NAME^$important',
  '||*.NAME^',
  '.NAME^',
  '||NAME/*',
  '://NAME^',
  '||NAME^$badfilter',
  '@@||NAME^',
  '@@||NAME^',
  '@@||*.NAME^',
] as const

function nameIn(rule: string): string {
  return /[a-z0-9][a-z0-9.]*/.exec(rule)?.[0] ?? ''
}

/** The engine blocks none of these names, and we list them: there an exception wins over every rule, however specific. */
export const DIFFERENCES: readonly Round[] = [{ lines: ['||a.d1^', '@@||d1^'], names: ['a.d1', 'b.a.d1'] }]
