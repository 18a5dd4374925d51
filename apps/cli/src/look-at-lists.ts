/** The lists of a configuration, loaded as a service would, for a command: nothing is watched and nothing is kept. */
import { startLists, type ListsConfig, type RunningLists } from '@dnstap-bgp/lists-service'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { interruptible } from './interruptible.ts'

/** `askUrls`: download also the lists that have a copy. Downloads lie in temporary files until the lists are loaded. */
export function lookAtLists(config: ListsConfig, askUrls: boolean): Promise<RunningLists> {
  return interruptible((stop) => startLists(config, { clock: systemClock, log: silentLog, look: { askUrls, stop } }))
}
