import { ADMIN_API } from '@dnstap-bgp/admin-api'
import { UsageError } from '@dnstap-bgp/program'
import { defineCommand } from '../command.ts'
import { INSTANCE } from '../options.ts'
import { print } from '../print.ts'
import { runningInstance } from '../running-instance.ts'

export const peers = defineCommand({
  name: 'peers',
  help: [
    { form: '', does: ['each BGP peer: state, since when, routes, last error'] },
    {
      form: '--reset NAME [--hard]',
      does: ['send a peer its routes once more; --hard: end its session, or a pause, and begin anew'],
    },
  ],
  options: { ...INSTANCE, reset: { type: 'string' }, hard: { type: 'boolean' } },
  subjects: 'none',
  async run({ reset: peer, hard = false, ...values }) {
    if (hard && peer === undefined) throw new UsageError('peers --hard needs --reset NAME')
    const instance = runningInstance(values)
    const answer =
      peer === undefined
        ? await instance.call(ADMIN_API.peers)
        : await instance.call(ADMIN_API.resetPeer, { body: { peer, hard } })
    print('peers', answer, values.json)
    return 0
  },
})
