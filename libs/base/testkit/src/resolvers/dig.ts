/** A real DNS client: dig. */
import { execFile } from 'node:child_process'

export interface DnsServer {
  readonly address: string
  readonly port: number
}

/** Asks one question; the lines of `+short`. Rejects when nobody answers. */
export function dig(server: DnsServer, name: string, type = 'A', ...options: string[]): Promise<string[]> {
  const args = [
    `@${server.address}`,
    '-p',
    String(server.port),
    name,
    type,
    '+short',
    '+tries=1',
    '+time=3',
    '+nocookie',
    ...options,
  ]
  return new Promise((resolve, reject) => {
    execFile('dig', args, { timeout: 10_000 }, (error, stdout) => {
      if (error !== null) reject(new Error(`dig ${args.join(' ')}: ${error.message} ${stdout}`))
      else resolve(stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';')))
    })
  })
}
