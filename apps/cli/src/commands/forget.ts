import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { defineCommand } from '../command.ts'
import { INSTANCE } from '../options.ts'
import { print } from '../print.ts'
import { runningInstance } from '../running-instance.ts'

export const forget = defineCommand({
  name: 'forget',
  help: [{ form: 'ADDRESS|NAME [--hold-down 1h]', does: ['withdraw by hand'] }],
  options: { ...INSTANCE, 'hold-down': { type: 'string' } },
  subjects: 'one address or name',
  async run({ 'hold-down': holdDown = '0s', ...values }, [subject]) {
    print('forget', await runningInstance(values).call(ADMIN_API.forget, { body: { subject, holdDown } }), values.json)
    return 0
  },
})
