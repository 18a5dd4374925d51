/** The settings that a program needs, and those that it cannot use. */
import { describeListenAddress } from '@dnstap-bgp/net'
import type { Config, Part } from './config.ts'
import type { Reading } from './reading.ts'

export function reportNeeds(config: Config, needs: readonly Part[], reading: Reading): void {
  if (reading.incomplete) return
  const missing = (key: string, expected: string) => {
    if (!reading.mistakes.some((mistake) => mistake.key === key || mistake.key.startsWith(`${key}.`)))
      reading.mistakes.push({ key, seen: 'missing', expected })
  }
  const unused = (key: string, advice: string) =>
    reading.mistakes.push({ key, seen: `not used by the all-in-one: ${advice}`, expected: '' })
  for (const need of needs) {
    if (need === 'lists' && config.lists.length === 0)
      missing('domains', 'domains = "FILE" at the top of the file, or a [[list]] table with a name and a source')
    if (need === 'dnstap' && config.dnstap === undefined) missing('dnstap', 'a table [dnstap] with at least listen')
    if (need === 'bgp' && config.bgp === undefined) missing('bgp', 'a table [bgp] with at least as and routerID')
    if (need === 'syncer' && config.syncer === undefined) missing('syncer', 'a table [syncer] with listen, peers or both')
    if (need === 'nats' && config.bus.kind !== 'nats')
      missing('bus.servers', 'the URLs of the NATS servers (only the all-in-one runs without)')
    if (need === 'redis' && config.store.kind !== 'redis')
      missing('store.redis', '"host:port" of the Redis server (only the all-in-one runs without)')
    if (need === 'alone' && config.store.kind === 'redis')
      unused('store.redis', 'remove it and set `cache = "FILE"` at the top of the file')
    if (need === 'alone' && config.bus.kind === 'nats') unused('bus.servers', 'remove it')
  }
}

/** A program and its admin server cannot listen on the same address. */
export function reportSharedPort({ admin, dnstap, bgp, syncer }: Config, needs: readonly Part[], reading: Reading): void {
  const admins = admin.listen
  if (admins?.kind !== 'tcp' || admins.port === 0) return
  const has = (part: Part) => needs.includes(part) || needs.includes('alone')
  const others = [
    ...(has('dnstap') ? (dnstap?.listen ?? []) : []).map((listen) => ['dnstap.listen', listen] as const),
    ...(has('bgp') ? [['bgp.listen', bgp?.listen] as const] : []),
    ...(has('syncer') ? [['syncer.listen', syncer?.listen] as const] : []),
  ]
  for (const [key, listen] of others) {
    if (listen?.kind !== 'tcp' || listen.port !== admins.port) continue
    if (listen.host !== undefined && admins.host !== undefined && listen.host !== admins.host) continue
    const where = describeListenAddress(admins)
    reading.mistakes.push({
      key,
      seen: `seen ${describeListenAddress(listen)}, where [admin] listens (${where})`,
      expected: 'another port',
    })
  }
}
