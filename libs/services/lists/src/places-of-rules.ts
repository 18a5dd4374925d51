/** Where rules stand that decided about a name: the list is read again until each was found. */
import { ruleText } from '@dnstap-bgp/domain-matcher'
import { eachRule } from '@dnstap-bgp/list-loader'
import { stateFolderOf, type ListsConfig } from './start-lists.ts'

export interface WantedRule {
  readonly list: string
  /** As an explanation has it: `full:example.org`. */
  readonly rule: string
}

/** `FILE:LINE` by list and rule (`placeKey`); what is not found is not there: the file may be another by now. */
export async function placesOfRules(config: ListsConfig, wanted: readonly WantedRule[]): Promise<Map<string, string>> {
  const places = new Map<string, string>()
  for (const list of config.lists) {
    const rules = new Set(wanted.filter((one) => one.list === list.name).map(({ rule }) => rule))
    if (rules.size === 0) continue
    try {
      await eachRule(list, stateFolderOf(config), ({ kind, pattern, exception, important, file, line }) => {
        const rule = ruleText(kind, pattern, exception, important)
        const key = placeKey({ list: list.name, rule })
        if (rules.has(rule) && !places.has(key)) places.set(key, `${file}:${line}`)
      })
    } catch {
      // It cannot be read now. The answer of the matcher stands without a line.
    }
  }
  return places
}

export function placeKey({ list, rule }: WantedRule): string {
  return `${list} ${rule}`
}
