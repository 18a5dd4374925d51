/** The lists of a running instance, and the operator's word for one of them. */
import { foreignText } from '@dnstap-bgp/foreign-text'
import { askAdmin, type AdminTarget } from './admin-client.ts'
import { complain } from './output.ts'
import { print } from './print.ts'

interface ListRow {
  readonly name: string
  readonly state: string
  readonly why: string | null
}

export async function lists(target: AdminTarget, accept: string | undefined, json: boolean): Promise<number> {
  if (accept === undefined) {
    print('lists', await askAdmin(target, 'GET', '/api/lists'), json)
    return 0
  }
  const rows = (await askAdmin(target, 'POST', '/api/lists/accept', { list: accept })) as readonly ListRow[]
  print('lists', rows, json)
  const row = rows.find(({ name }) => name === accept)
  if (row === undefined || row.state === 'fresh' || row.state === 'degraded') return 0
  // The word was heard, but there was nothing that it could be about.
  complain(`List "${accept}" was not taken, it is ${row.state}: ${foreignText(row.why ?? '', 1000)}`)
  return 1
}
