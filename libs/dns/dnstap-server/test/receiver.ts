/**
 * A receiver as a process of its own, for tests that stop, freeze or restart one:
 *
 *     node --import tsx receiver.ts [PATH]      listens on PATH, and on the sockets handed over by LISTEN_FDS
 *
 * Writes a line `listening PID ADDRESS...` when it is ready, then `QNAME QTYPE` for each CLIENT_RESPONSE, and `trouble ...` when there is any. SIGTERM closes it in order.
 */
import { DnstapDecoder, MessageType } from '@dnstap-bgp/dnstap'
import { nameToText, ResponseReader } from '@dnstap-bgp/dns-wire'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { describeListenAddress } from '@dnstap-bgp/net'
import { inheritedSockets, startDnstapServer } from '../src/index.ts'
import { optionsFor } from '../testing/options.ts'

const path = process.argv[2]
const decoder = new DnstapDecoder()
const response = new ResponseReader()
const server = await startDnstapServer(
  {
    ...optionsFor(...(path === undefined ? [] : [{ kind: 'unix', path } as const])),
    inherited: inheritedSockets(process.env, process.pid),
  },
  {
    clock: systemClock,
    log: silentLog,
    handler: {
      onFrame(_connection, bytes, start, end) {
        if (decoder.decode(bytes, start, end) !== 0 || decoder.messageType !== MessageType.CLIENT_RESPONSE) return
        if (response.read(bytes, decoder.responseMessageStart, decoder.responseMessageEnd) !== 0) return
        console.log(`${nameToText(response.chainBytes(0), response.chainOffset(0))} ${response.qtype}`)
      },
    },
  },
)
process.once('SIGTERM', () => {
  clearInterval(timer)
  void server.close()
})
console.log(['listening', process.pid, ...server.addresses.map(describeListenAddress)].join(' '))
let told: string | undefined
const timer = setInterval(() => {
  if (server.trouble !== undefined && server.trouble !== told) console.log(`trouble ${server.trouble}`)
  told = server.trouble
}, 100)
