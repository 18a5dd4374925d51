/** Finds the file and line of rules that decided about a name, by reading the list again. */
import { ruleText } from '@dnstap-bgp/domain-matcher'
import { eachRule } from '@dnstap-bgp/list-loader'
import { stateFolderOf, type ListsConfig } from './start-lists.ts'

export interface WantedRule {
  readonly list: string
  /** As an explanation has it: `full:example.org`. */
  readonly rule: string
}

/** `FILE:LINE` by list and rule (`placeKey`). A rule is missing if the file has changed since it was loaded. */
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
      // The list cannot be read now: its rules are shown without a line.
    }
  }
  return places
}

export function placeKey({ list, rule }: WantedRule): string {
  return `${list} ${rule}`
}
