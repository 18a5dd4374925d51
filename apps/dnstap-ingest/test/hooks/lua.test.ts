/** The hooks in Lua (deploy/resolvers/*.lua) in a real Knot Resolver, PowerDNS Recursor and dnsdist. */
import { fileURLToPath } from 'node:url'
import { isInstalled, startDnsdist, startKnotResolver, startPdnsRecursor, startUnbound } from '@dnstap-bgp/testkit'
import { hookSuite } from './suite.ts'

const script = (name: string) => fileURLToPath(new URL(`../../../../deploy/resolvers/${name}`, import.meta.url))
const missing = (...programs: string[]) => [...programs, 'knotd'].filter((program) => !isInstalled(program))

hookSuite('Knot Resolver with kresd.lua', { missing: missing('kresd') }, ({ socket, identity, ...others }) =>
  startKnotResolver({ ...others, lines: `dofile('${script('kresd.lua')}')('${socket}', '${identity}')\n` }),
)

hookSuite('PowerDNS Recursor with recursor.lua', { missing: missing('pdns_recursor') }, ({ socket, identity, ...others }) =>
  startPdnsRecursor({ ...others, lines: `dofile('${script('recursor.lua')}')('${socket}', '${identity}')\n` }),
)

hookSuite(
  'dnsdist with dnsdist.lua',
  { missing: missing('dnsdist', 'unbound'), validates: false },
  async ({ socket, identity, zones, authority }) => {
    const behind = await startUnbound({ zones, authority })
    const front = await startDnsdist({
      zones,
      authority: behind,
      lines: `addResponseAction(AllRule(), LuaFFIResponseAction(dofile('${script('dnsdist.lua')}')('${socket}', '${identity}')))\n`,
    })
    return {
      ...front,
      async remove() {
        await front.remove()
        await behind.remove()
      },
    }
  },
)
