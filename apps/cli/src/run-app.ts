/** Starts a program that lies beside this one: each is a bundle of its own, so that none carries what it does not use. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const SERVICES = ['dnstap-ingest', 'cache', 'bgp-announcer', 'sync-gateway'] as const

/** `args`: what stands behind `run`. The program leaves its own exit code. */
export async function runApp(args: string[]): Promise<number> {
  const at = args.findIndex((arg) => arg === '--service' || arg.startsWith('--service='))
  let name = 'all-in-one'
  let rest = args
  if (at >= 0) {
    const inline = args[at].includes('=')
    name = inline ? args[at].slice('--service='.length) : (args[at + 1] ?? '')
    rest = [...args.slice(0, at), ...args.slice(at + (inline ? 1 : 2))]
    if (!SERVICES.some((service) => service === name)) {
      process.stderr.write(`There is no service "${name}"; there are ${SERVICES.join(', ')}.\n`)
      return 2
    }
  }
  const url = new URL(`../${name}/main.js`, import.meta.url)
  if (!existsSync(url)) {
    process.stderr.write(`The program ${name} is not installed here (${fileURLToPath(url)} is missing).\n`)
    return 1
  }
  process.argv = [process.argv[0], fileURLToPath(url), ...rest]
  await import(url.href)
  return Number(process.exitCode ?? 0)
}
