/** What a reload would do to a running instance, in one line: `video: +120 −3 names; 14 live routes would go`. */
import type { ListPreviewReply } from '@dnstap-bgp/admin-api'

export function describePreview(
  { config, lists, removed, routesGoing, needsRestart }: ListPreviewReply,
  checked: string,
): string {
  if (config !== checked) return `the running instance uses ${config}, not this file: no preview`
  const parts = [...lists.flatMap(describeList), ...removed.map((name) => `${name}: gone`)]
  const routes = `${routesGoing} live ${routesGoing === 1 ? 'route' : 'routes'} would go`
  const restart = needsRestart.length === 0 ? [] : [`a restart is needed for ${needsRestart.join(', ')}`]
  return [...(parts.length > 0 ? parts : ['no list would change']), routes, ...restart].join('; ')
}

function describeList(list: ListPreviewReply['lists'][number]): string[] {
  const { name, state, why, added, removed, changed, addressesAdded, addressesRemoved } = list
  const parts = [`+${added} −${removed} names`]
  if (changed > 0) parts.push(`${changed} with other rules`)
  if (addressesAdded + addressesRemoved > 0) parts.push(`+${addressesAdded} −${addressesRemoved} addresses`)
  const isSame = parts.length === 1 && added + removed === 0
  if (state === 'fresh') return isSame ? [] : [`${name}: ${parts.join(', ')}`]
  const instead = `would be ${state} (${why ?? ''})`
  return [`${name}: ${isSame ? instead : `${parts.join(', ')}, ${instead}`}`]
}
