/** The lists of a running instance, and taking a new version of one of them that was refused. */
import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { foreignText } from '@dnstap-bgp/foreign-text'
import { defineCommand } from '../command.ts'
import { INSTANCE } from '../options.ts'
import { complain } from '../output.ts'
import { print } from '../print.ts'
import { runningInstance } from '../running-instance.ts'

export const lists = defineCommand({
  name: 'lists',
  help: [
    { form: '', does: ['each list: state, names, skipped, last change'] },
    {
      form: '--accept NAME',
      does: ["take a list's new version although it shrank; give it to each process that loads lists"],
    },
  ],
  options: { ...INSTANCE, accept: { type: 'string' } },
  subjects: 'none',
  async run({ accept, ...values }) {
    const instance = runningInstance(values)
    if (accept === undefined) {
      print('lists', await instance.call(ADMIN_API.lists), values.json)
      return 0
    }
    const rows = await instance.call(ADMIN_API.acceptList, { body: { list: accept } })
    print('lists', rows, values.json)
    const row = rows.find(({ name }) => name === accept)
    if (row === undefined || row.state === 'fresh' || row.state === 'degraded') return 0
    // The instance obeyed, but there was no new version to take.
    complain(`List "${accept}" was not taken, it is ${row.state}: ${foreignText(row.why ?? '', 1000)}`)
    return 1
  },
})
