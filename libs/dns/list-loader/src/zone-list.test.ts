import { textToName } from '@dnstap-bgp/dns-wire'
import { NO_MATCH } from '@dnstap-bgp/domain-matcher'
import { silentLog, systemClock } from '@dnstap-bgp/runtime'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ListDefinition } from './list-definition.ts'
import { ListLoader } from './list-loader.ts'
import { listDefinition } from '../testing/list-definition.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zone-list-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function listedNames(match: ListDefinition['match'], names: readonly string[]): Promise<string[]> {
  const path = join(folder, 'policy.zone')
  writeFileSync(path, ['*.tld0 CNAME .', 'ok.tld0 CNAME rpz-passthru.', 'tcp.tld0 CNAME rpz-tcp-only.', ''].join('\n'))
  const definition: ListDefinition = listDefinition('policy', path, { format: 'rpz', match })
  const loader = new ListLoader(
    { lists: [definition], stateFolder: undefined, watch: false, settleMs: 10 },
    { clock: systemClock, log: silentLog },
  )
  const { matcher } = await loader.load()
  await loader.close()
  return names.filter((name) => matcher.match(textToName(name) ?? new Uint8Array(1), 0) !== NO_MATCH)
}

const NAMES = ['tld0', 'x.tld0', 'y.x.tld0', 'ok.tld0', 'x.ok.tld0', 'tcp.tld0', 'x.tcp.tld0']

test('a wildcard of a response policy zone does not reach names that exist in the zone, or names below them (RFC 4592)', async () => {
  expect(await listedNames('auto', NAMES)).toEqual(['x.tld0', 'y.x.tld0'])
})

test('match = "suffix" makes every owner cover its subdomains, whatever the zone means', async () => {
  expect(await listedNames('suffix', NAMES)).toEqual(['tld0', 'x.tld0', 'y.x.tld0', 'tcp.tld0', 'x.tcp.tld0'])
})
