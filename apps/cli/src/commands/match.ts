/** Which rule of which list decides on a name, and why: loads the lists of a configuration as a service would. */
import { loadConfig } from '@dnstap-bgp/config'
import { placeKey, placesOfRules } from '@dnstap-bgp/lists-service'
import { foreignText } from '@dnstap-bgp/foreign-text'
import { defineCommand } from '../command.ts'
import { lookAtLists } from '../look-at-lists.ts'
import { CONFIG, configOf, JSON_ANSWER } from '../options.ts'
import { complain, say } from '../output.ts'
import { print } from '../print.ts'

export const match = defineCommand({
  name: 'match',
  help: [{ form: 'NAME...', does: ['which rule of which list decides on a name, why, and in which line it stands'] }],
  options: { ...CONFIG, ...JSON_ANSWER },
  subjects: 'at least one name',
  run: (values, names) => matchNames(configOf(values), names, values.json === true),
})

async function matchNames(configFile: string, names: readonly string[], json: boolean): Promise<number> {
  const config = loadConfig(configFile, process.env, { needs: ['lists'] })
  const lists = await lookAtLists(config, false)
  try {
    const wrong = names.filter((name) => lists.explain(name) === undefined)
    const explanations = names.flatMap((name) => lists.explain(name) ?? [])
    const places = await placesOfRules(
      config,
      explanations.flatMap(({ rules }) => rules),
    )
    const answers = explanations.map((explanation) => {
      return {
        name: explanation.name,
        feeds: explanation.feeds.map((feed) => `${feed.list} (${feed.rule})`),
        rules: explanation.rules.map(({ by, ...rule }) => ({
          ...rule,
          place: places.get(placeKey(rule)) ?? null,
          ...(by === undefined ? {} : { by: `${by.rule} of ${by.list}` }),
        })),
        why: explanation.why,
      }
    })
    if (json) print('match', answers, true)
    else
      for (const answer of answers) {
        say(`${answer.name}: ${answer.feeds.length > 0 ? answer.feeds.join(', ') : 'no list'}`)
        for (const why of answer.why) say(`  ${foreignText(why, 1000)}`)
        for (const { list, rule, place } of answer.rules)
          if (place !== null) say(`  ${foreignText(rule)} of ${list}: ${foreignText(place, 1000)}`)
      }
    for (const { name, state, why } of lists.loaded.lists)
      if (state === 'failed' || state === 'refused')
        complain(
          `List "${name}" ${state === 'failed' ? 'could not be loaded and decided nothing here' : 'decided by its last good version, for its new one is refused'}: ${foreignText(why ?? '', 1000)}`,
        )
    for (const name of wrong) complain(`"${foreignText(name)}" is no domain name`)
    return wrong.length > 0 ? 2 : 0
  } finally {
    await lists.close()
  }
}
