/** Reads configurations in tests, in a temporary folder. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Config, Part } from '../src/config.ts'
import { ConfigError } from '../src/mistakes.ts'
import { parseConfig } from '../src/parse-config.ts'

export const folder = mkdtempSync(join(tmpdir(), 'config-'))
afterAll(() => rmSync(folder, { recursive: true }))
export const FILE = join(folder, 'dnstap-bgp.toml')

export const parse = (text: string, environment: Record<string, string> = {}): Config => parseConfig(text, FILE, environment)

/** All mistakes, one line each, without the file's name. */
export function mistakesIn(text: string, environment: Record<string, string> = {}, needs: readonly Part[] = []): string[] {
  try {
    parseConfig(text, FILE, environment, { needs })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').map((line) => line.slice(FILE.length + 1).replace(/^ /, ''))
  }
}

/** The least that a [bgp] table can be. */
export const BGP = '[bgp]\nas = 65000\nrouterID = "192.0.2.1"\n'

/** A file of dnstap-bgp 1.1. */
export const ANCESTOR = `
domains = "/etc/dnstap-bgp/domains.txt"
cache   = "/var/lib/dnstap-bgp/cache"
ttl     = "12h"
ipv6    = true
[dnstap]
listen = "/run/dnstap-bgp/dnstap.sock"
perm   = "0666"
[bgp]
as = 65000
routerID = "192.0.2.1"
sourceIP = "192.0.2.1"
nextHop = "192.0.2.9"
nextHopIPv6 = "2001:db8::9"
peers = ["192.0.2.2", "192.0.2.3:1179", "[2001:db8::2]:179"]
[syncer]
listen = "0.0.0.0:8080"
syncInterval = "5m"
peers = ["192.0.2.7:8080", "other.example.org:8081"]
`
