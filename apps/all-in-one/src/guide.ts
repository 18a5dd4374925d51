/** The text after `npm start`: where we listen, how many names are loaded, and, until a resolver has reported, its configuration. */
import type { Config } from '@dnstap-bgp/config'
import { resolve } from 'node:path'

export interface GuideFacts {
  readonly config: Config
  readonly names: number
  /** Of the first UNIX socket, or the first TCP listener. */
  readonly socketPath: string | undefined
  readonly tcp: string | undefined
  /** There are bindings: a resolver has reported, now or before. */
  readonly hasLearnt: boolean
}

export function guide({ config, names, socketPath, tcp, hasLearnt }: GuideFacts): string {
  const peers = config.bgp?.peers ?? []
  // The command finds this one by itself.
  const option = resolve(config.fileName) === resolve('run/dnstap-bgp.toml') ? '' : `  --config ${config.fileName}`
  const lines = [
    '',
    `  dnstap     ${[socketPath, tcp].filter((one) => one !== undefined).join(', ')}`,
    `  lists      ${config.lists.map((list) => list.name).join(', ')}: ${names} names`,
    peers.length > 0
      ? `  BGP peers  ${peers.map((peer) => `${peer.name} (AS ${peer.asn})`).join(', ')}`
      : `  BGP peers  none yet: add them under [bgp] in ${config.fileName}, then start again`,
    config.admin.listen === undefined
      ? '  look       [admin] listen is "off"'
      : `  look       npx dnstap-bgp status | senders | peers | routes | explain NAME${option}`,
    '',
    ...(hasLearnt ? ['  Resolvers: docs/resolvers.md. Ctrl-C stops it. More: README.md'] : resolverLines(socketPath, tcp)),
    '',
    '',
  ]
  return lines.join('\n')
}

function resolverLines(socketPath: string | undefined, tcp: string | undefined): string[] {
  const where = socketPath ?? tcp ?? ''
  return [
    '  Tell your resolver to report here (one of these), and restart it:',
    '',
    '  Unbound         dnstap:',
    '                    dnstap-enable: yes',
    ...(socketPath === undefined
      ? [`                    dnstap-ip: "${where.replace(/:(\d+)$/, '@$1')}"`, '                    dnstap-tls: no']
      : [`                    dnstap-socket-path: "${where}"`]),
    '                    dnstap-send-identity: yes',
    '                    dnstap-log-client-response-messages: yes',
    ...(socketPath === undefined
      ? []
      : [
          `  BIND 9          options { dnstap { client response; }; dnstap-output unix "${where}"; };`,
          `  Knot Resolver   modules = { dnstap = { socket_path = '${where}', client = { log_responses = true } } }`,
        ]),
    socketPath === undefined
      ? `  dnsdist         tap = newFrameStreamTcpLogger('${where}')`
      : `  dnsdist         tap = newFrameStreamUnixLogger('${where}')`,
    `                  addResponseAction(AllRule(), DnstapLogResponseAction('dnsdist', tap))`,
    `                  addCacheHitResponseAction(AllRule(), DnstapLogResponseAction('dnsdist', tap))`,
    '',
    '  Others, TCP, permissions: docs/resolvers.md. Ctrl-C stops it. More: README.md',
  ]
}
