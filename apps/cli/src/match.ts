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
    const answers = names.map((name) => {
      const explanation = lists.explain(name)
      if (explanation === undefined) throw new UsageError(`"${name}" is no domain name`)
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
          `List "${name}" ${state === 'failed' ? 'is not in this' : 'is in this with its last good version'}: ${why ?? ''}\n`,
        )
    return 0
  } finally {
    await lists.close()
  }
}
