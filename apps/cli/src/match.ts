/** Which rule of which list decides on a name, and why: loads the lists of a configuration as a service would. */
import { loadConfig } from '@dnstap-bgp/config'
import { startLists } from '@dnstap-bgp/lists-service'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { print } from './print.ts'
import { UsageError } from './usage-error.ts'

export async function match(configFile: string, names: readonly string[], json: boolean): Promise<number> {
  if (names.length === 0) throw new UsageError('match takes at least one name')
  const config = loadConfig(configFile, process.env, { needs: ['lists'] })
  const lists = await startLists(config, { clock: systemClock, log: silentLog, look: { askUrls: false } })
  try {
    const wrong = names.filter((name) => lists.explain(name) === undefined)
    const answers = names.flatMap((name) => {
      const explanation = lists.explain(name)
      if (explanation === undefined) return []
      return {
        name: explanation.name,
        feeds: explanation.feeds.map((feed) => `${feed.list} (${feed.rule})`),
        rules: explanation.rules.map(({ by, ...rule }) => ({
          ...rule,
          ...(by === undefined ? {} : { by: `${by.rule} of ${by.list}` }),
        })),
        why: explanation.why,
      }
    })
    if (json) print('match', answers, true)
    else
      for (const answer of answers) {
        process.stdout.write(`${answer.name}: ${answer.feeds.length > 0 ? answer.feeds.join(', ') : 'no list'}\n`)
        for (const why of answer.why) process.stdout.write(`  ${why}\n`)
      }
    for (const { name, state, why } of lists.loaded.lists)
      if (state === 'failed' || state === 'refused')
        process.stderr.write(
          `List "${name}" ${state === 'failed' ? 'could not be loaded and decided nothing here' : 'decided by its last good version, for its new one is refused'}: ${why ?? ''}\n`,
        )
    for (const name of wrong) process.stderr.write(`"${name}" is no domain name\n`)
    return wrong.length > 0 ? 2 : 0
  } finally {
    await lists.close()
  }
}
