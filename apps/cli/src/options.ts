/** Options that several commands have. */
import { installedConfigFile } from '@dnstap-bgp/program'
import { existsSync } from 'node:fs'

export const CONFIG = { config: { type: 'string' } } as const
export const JSON_ANSWER = { json: { type: 'boolean' } } as const
/** Of a command that asks a running instance. */
export const INSTANCE = { ...CONFIG, admin: { type: 'string' }, ...JSON_ANSWER } as const

const CHECKOUT_CONFIG = 'run/dnstap-bgp.toml'

/** The file that `--config` names, else the installed one, else the one that `npm start` makes. */
export function configOf({ config }: { readonly config?: string | undefined }): string {
  if (config !== undefined) return config
  const installed = installedConfigFile()
  return existsSync(installed) || !existsSync(CHECKOUT_CONFIG) ? installed : CHECKOUT_CONFIG
}
