import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { defineCommand } from '../command.ts'
import { INSTANCE } from '../options.ts'
import { print } from '../print.ts'
import { runningInstance } from '../running-instance.ts'

export const routes = defineCommand({
  name: 'routes',
  help: [{ form: '[--peer NAME]', does: ['what is announced'] }],
  options: { ...INSTANCE, peer: { type: 'string' } },
  subjects: 'none',
  async run({ peer, ...values }) {
    const query = peer === undefined ? {} : { peer }
    print('routes', await runningInstance(values).call(ADMIN_API.routes, { query }), values.json)
    return 0
  },
})
