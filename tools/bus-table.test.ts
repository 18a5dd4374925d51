/** who-says-what.ts is what NATS users may do: it must say what the services' code does, no less and no more. */
import * as steering from '@dnstap-bgp/steering'
import { ADMIN_CALLS, SERVICES, WHO_SAYS_WHAT, type BusRow, type ServiceName } from '@dnstap-bgp/steering'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const VERBS: Record<keyof BusRow, RegExp> = {
  publishes: /\bpublish\(\s*([A-Z_]+)\b/g,
  subscribes: /\bsubscribe\(\s*([A-Z_]+)\b/g,
  enqueues: /\benqueue\(\s*([A-Z_]+)\b/g,
  consumes: /\bconsume\(\s*([A-Z_]+)\b/g,
  serves: /\bserve(?:Stream)?\(\s*([A-Z_]+)\b/g,
  asks: /\bask(?:Stream)?\(\s*([A-Z_]+)\b/g,
}
const exported: Readonly<Record<string, unknown>> = steering

function codeOf(service: ServiceName): string {
  const folder = fileURLToPath(new URL(`../libs/services/${service}/src/`, import.meta.url))
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(folder + file, 'utf8'))
    .join('\n')
}

function nameOf(identifier: string): string {
  const found = exported[identifier]
  if (typeof found !== 'object' || found === null || !('name' in found)) throw new Error(`${identifier} is no name on the bus`)
  return String(found.name)
}

test('a service answers a request of operators only when it owns the endpoint', () => {
  for (const service of SERVICES) {
    const served = WHO_SAYS_WHAT[service].serves.map(({ name }) => name)
    for (const [endpoint, { name }] of ADMIN_CALLS)
      if (served.includes(name)) expect(endpoint.servedBy, `${service}: ${endpoint.path}`).toContain(service)
  }
})

test.each(SERVICES)('%s does on the bus what its row says', (service) => {
  const code = codeOf(service)
  for (const verb of Object.keys(VERBS) as (keyof BusRow)[]) {
    const done = new Set([...code.matchAll(VERBS[verb])].map(([, identifier]) => nameOf(identifier)))
    // Requests of operators are asked and answered by every program's admin server as well (libs/admin/admin-server).
    const byAdmin = new Set([...ADMIN_CALLS.values()].map(({ name }) => name))
    const inRow = WHO_SAYS_WHAT[service][verb].map(({ name }) => name)
    const others = (names: Iterable<string>) => [...names].filter((name) => !byAdmin.has(name)).sort()
    expect(others(done), verb).toEqual(others(inRow))
  }
})
