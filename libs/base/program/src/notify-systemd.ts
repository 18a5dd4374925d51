/** Tells systemd (Type=notify, NotifyAccess=all) that everything is open. Node has no datagrams on UNIX sockets, so systemd-notify says it. */
import type { Log } from '@dnstap-bgp/runtime'
import { execFile } from 'node:child_process'

export function notifySystemd(log: Log): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return
  execFile('systemd-notify', ['--ready', `--pid=${process.pid}`], (error) => {
    if (error !== null) log.warn({ error }, 'systemd was not told that the start is over.')
  })
}
