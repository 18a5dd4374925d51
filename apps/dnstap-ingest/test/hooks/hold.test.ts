/** Hooks of deploy/resolvers that hold answers back, in real resolvers. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isInstalled, startKnotResolver, startPdnsRecursor, startUnbound } from '@dnstap-bgp/testkit'
import { holdSuite } from './hold-suite.ts'

const script = (name: string) => fileURLToPath(new URL(`../../../../deploy/resolvers/${name}`, import.meta.url))
const missing = (program: string) => (isInstalled(program) ? [] : [program])
const pythonModule = existsSync('/usr/lib/python3/dist-packages/unboundmodule.py') ? [] : ['python3-unbound']

holdSuite('Unbound that holds', { missing: pythonModule }, ({ socket, identity, holdMs, ...others }) =>
  startUnbound({
    ...others,
    pythonModule: {
      script: script('unbound.py'),
      env: { DNSTAP_BGP_SOCKET: socket, DNSTAP_BGP_IDENTITY: identity, DNSTAP_BGP_HOLD_MS: String(holdMs) },
    },
  }),
)

holdSuite('Knot Resolver that holds', { missing: missing('kresd') }, ({ socket, identity, holdMs, ...others }) =>
  startKnotResolver({ ...others, lines: `dofile('${script('kresd.lua')}')('${socket}', '${identity}', ${holdMs})\n` }),
)

holdSuite('PowerDNS Recursor that holds', { missing: missing('pdns_recursor') }, ({ socket, identity, holdMs, ...others }) =>
  startPdnsRecursor({ ...others, lines: `dofile('${script('recursor.lua')}')('${socket}', '${identity}', ${holdMs})\n` }),
)
