/** Options that several commands have. */
import { DEFAULT_CONFIG_FILE } from '@dnstap-bgp/program'
import { existsSync } from 'node:fs'

export const CONFIG = { config: { type: 'string' } } as const
export const JSON_ANSWER = { json: { type: 'boolean' } } as const
/** Of a command that asks a running instance. */
export const INSTANCE = { ...CONFIG, admin: { type: 'string' }, ...JSON_ANSWER } as const

const CHECKOUT_CONFIG = 'run/dnstap-bgp.toml'

/** The file that `--config` names, else the installed one, else the one that `npm start` makes. */
export function configOf({ config }: { readonly config?: string | undefined }): string {
  if (config !== undefined) return config
  return existsSync(DEFAULT_CONFIG_FILE) || !existsSync(CHECKOUT_CONFIG) ? DEFAULT_CONFIG_FILE : CHECKOUT_CONFIG
}
