import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { defineCommand } from '../command.ts'
import { INSTANCE } from '../options.ts'
import { print } from '../print.ts'
import { runningInstance } from '../running-instance.ts'

export const explain = defineCommand({
  name: 'explain',
  help: [{ form: 'ADDRESS|NAME', does: ['why it is routed, or why not'] }],
  options: INSTANCE,
  subjects: 'one address or name',
  async run(values, [subject]) {
    print('explain', await runningInstance(values).call(ADMIN_API.explain, { query: { subject } }), values.json)
    return 0
  },
})
