/** What a newcomer sees after `npm start`: where we listen, what is loaded, and what to paste where. */
import type { Config } from '@dnstap-bgp/config'

export interface GuideFacts {
  readonly config: Config
  readonly names: number
  /** Of the first UNIX socket, or the first TCP listener. */
  readonly socketPath: string | undefined
  readonly tcp: string | undefined
}

export function guide({ config, names, socketPath, tcp }: GuideFacts): string {
  const peers = config.bgp?.peers ?? []
  const where = socketPath ?? tcp ?? ''
  const lines = [
    '',
    `  dnstap     ${[socketPath, tcp].filter((one) => one !== undefined).join(', ')}`,
    `  lists      ${config.lists.map((list) => list.name).join(', ')}: ${names} names`,
    peers.length > 0
      ? `  BGP peers  ${peers.map((peer) => `${peer.name} (AS ${peer.asn})`).join(', ')}`
      : `  BGP peers  none yet: add them under [bgp] in ${config.fileName}, then start again`,
    config.admin.listen === undefined
      ? ''
      : '  look       npx dnstap-bgp status | routes | explain NAME  --config ' + config.fileName,
    '',
    '  Tell your resolver to report here (one of these), and restart it:',
    '',
    socketPath === undefined
      ? `  Unbound         dnstap: { dnstap-enable: yes  dnstap-ip: "${(tcp ?? '').replace(/:(\d+)$/, '@$1')}"  dnstap-tls: no  dnstap-log-client-response-messages: yes }`
      : `  Unbound         dnstap:\n                    dnstap-enable: yes\n                    dnstap-socket-path: "${where}"\n                    dnstap-send-identity: yes\n                    dnstap-log-client-response-messages: yes`,
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
    '  Ctrl-C stops it. More: README.md',
    '',
  ]
  return lines.filter((line, i) => line !== '' || lines[i - 1] !== '').join('\n')
}
