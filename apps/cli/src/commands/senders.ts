import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { defineCommand } from '../command.ts'
import { INSTANCE } from '../options.ts'
import { print } from '../print.ts'
import { runningInstance } from '../running-instance.ts'

export const senders = defineCommand({
  name: 'senders',
  help: [{ form: '', does: ['each resolver that reports: connection, frames'] }],
  options: INSTANCE,
  subjects: 'none',
  async run(values) {
    print('senders', await runningInstance(values).call(ADMIN_API.senders), values.json)
    return 0
  },
})
