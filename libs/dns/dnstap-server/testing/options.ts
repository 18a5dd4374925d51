/** The options of a plain server, for tests and benches to change one of. */
import type { ListenAddress } from '@dnstap-bgp/net'
import type { DnstapServerOptions } from '../src/index.ts'

export function optionsFor(...listen: readonly ListenAddress[]): DnstapServerOptions {
  return {
    listen,
    inherited: [],
    mode: 0o660,
    owner: undefined,
    group: undefined,
    tls: undefined,
    allows: () => true,
    handshakeTimeoutMs: 5000,
    maxFrameLength: 262_144,
  }
}
