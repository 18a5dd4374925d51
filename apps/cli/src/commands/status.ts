import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { defineCommand } from '../command.ts'
import { INSTANCE } from '../options.ts'
import { print } from '../print.ts'
import { runningInstance } from '../running-instance.ts'

export const status = defineCommand({
  name: 'status',
  help: [{ form: '', does: ['health of each part, counts'] }],
  options: INSTANCE,
  subjects: 'none',
  async run(values) {
    print('status', await runningInstance(values).call(ADMIN_API.status), values.json)
    return 0
  },
})
