/** What a configuration leaves open to people who were perhaps not meant: `dnstap-bgp check` warns of it. */
import type { Config } from '@dnstap-bgp/config'
import { statSync } from 'node:fs'

export function exposures(config: Config, needs: readonly string[]): string[] {
  return [...openGateway(config, needs), ...readableSecrets(config)]
}

function openGateway({ syncer }: Config, needs: readonly string[]): string[] {
  if (!needs.includes('syncer') && !needs.includes('alone')) return []
  if (syncer?.listen === undefined || syncer.token !== undefined) return []
  return [
    'the sync gateway asks for no token: whoever has the address of a sync peer, or one in syncer.allow, may read all names and add addresses to them; set syncer.token if every peer knows tokens (dnstap-bgp 1.1 does not)',
  ]
}

function readableSecrets({ fileName, secretFiles }: Config): string[] {
  const files = new Set([...secretFiles, fileName])
  return [...files].flatMap((file) => {
    const mode = modeOf(file)
    if ((mode & 0o002) !== 0) return [`every local user may write ${file}: chmod 640 ${file}`]
    if (secretFiles.includes(file) && (mode & 0o004) !== 0)
      return [`${file} holds a secret and every local user may read it: chmod 640 ${file}`]
    return []
  })
}

/** 0 when there is nothing to look at: somebody else says that. */
function modeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mode ?? 0
}
