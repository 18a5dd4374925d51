/**
 * What is wrong with a configuration and its lists, what would be loaded, and, when an instance runs by it, what would change there.
 * Exit code 0: it would start; 2: the configuration has mistakes; 1: a list cannot be had.
 */
import { describeListen, loadConfig } from '@dnstap-bgp/config'
import { ListsError } from '@dnstap-bgp/list-loader'
import { listRow, startLists } from '@dnstap-bgp/lists-service'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { AdminClientError, askAdmin } from './admin-client.ts'
import { print } from './print.ts'

interface Preview {
  readonly differences: readonly {
    readonly name: string
    readonly added: number
    readonly removed: number
    readonly changed: number
  }[]
  readonly routesGoing: number
}

export async function check(configFile: string, json: boolean): Promise<number> {
  const config = loadConfig(configFile, process.env, { needs: ['lists'] })
  // Only a look: URLs' copies of a running instance are left alone.
  const configuration = `${config.fileName} is sound`
  let lists
  try {
    lists = await startLists(config, { clock: systemClock, log: silentLog })
    await lists.close()
  } catch (error) {
    if (!(error instanceof ListsError)) throw error
    print('check', { configuration, warnings: config.warnings, 'it would not start': error.message }, json)
    return 1
  }
  const running = await previewOfRunning(configFile)
  const answer = {
    configuration,
    warnings: config.warnings,
    dnstap: config.dnstap?.listen.map(describeListen) ?? [],
    'BGP peers': config.bgp?.peers.map((peer) => `${peer.name} (AS ${peer.asn})`) ?? [],
    lists: lists.loaded.lists.map((list) => {
      const row = listRow(list) as Record<string, unknown>
      return json
        ? row
        : {
            name: row['name'],
            state: row['state'],
            format: row['format'],
            names: row['names'],
            rules: row['rules'],
            addresses: row['addresses'],
            skipped: row['skipped'],
          }
    }),
    skipped: lists.loaded.lists.flatMap((list) =>
      list.skippedLines.slice(0, 5).map((line) => `${list.name}:${line.line}: ${line.reason}: ${line.text}`),
    ),
    'in the running instance':
      running === undefined
        ? 'none answers'
        : `${running.differences.map((one) => `${one.name}: +${one.added} −${one.removed} names, ${one.changed} changed`).join('; ')}; ${running.routesGoing} live routes would go`,
  }
  print('check', answer, json)
  return lists.loaded.lists.some((list) => list.state === 'failed') ? 1 : 0
}

async function previewOfRunning(config: string): Promise<Preview | undefined> {
  try {
    return (await askAdmin({ config, admin: undefined }, 'POST', '/api/lists/preview')) as Preview
  } catch (error) {
    if (error instanceof AdminClientError) return undefined
    throw error
  }
}
