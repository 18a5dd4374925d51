import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { defineCommand } from '../command.ts'
import { INSTANCE } from '../options.ts'
import { print } from '../print.ts'
import { runningInstance } from '../running-instance.ts'

export const backup = defineCommand({
  name: 'backup',
  help: [{ form: '', does: ["copy the all-in-one's cache file, while it is in use, to CACHE.backup"] }],
  options: INSTANCE,
  subjects: 'none',
  whyNone: ': the copy is beside the cache file, by its name with .backup behind it',
  async run(values) {
    print('backup', await runningInstance(values).call(ADMIN_API.backup), values.json)
    return 0
  },
})
