/** The keys at the top of the file, before the first table. The lists and the store take theirs from here. */
import { duration } from './duration.ts'
import { lifetimeBound, ttlOrDns } from './lifetime.ts'
import { defineSection, setting } from './setting.ts'
import type { ValuesOf } from './setting.ts'
import { boolean, path } from './values.ts'

export const TOP = defineSection({
  title: '',
  takesEffect: 'reload',
  advice: {
    namespace: 'was removed: start the service inside the namespace (systemd: NetworkNamespacePath=; otherwise: ip netns exec)',
  },
  settings: {
    domains: setting(path, { meaning: 'Path of a list of names; it becomes the list `default`, before any `[[list]]`.' }),
    cache: setting(path, {
      takesEffect: 'restart',
      meaning: 'Path of the embedded store, a folder that is made. Absent: bindings are kept in memory only.',
    }),
    ttl: setting(ttlOrDns, {
      default: '24h',

      meaning: 'How long a route stays after its name was last looked up; or `"dns"`: the record\'s own TTL.',
    }),
    ttlMinMs: setting(lifetimeBound, {
      key: 'ttlMin',
      default: '5m',
      meaning: 'With `ttl = "dns"`: a shorter TTL counts as this.',
    }),
    ttlMaxMs: setting(lifetimeBound, {
      key: 'ttlMax',
      default: '24h',
      meaning: 'With `ttl = "dns"`: a longer TTL counts as this.',
    }),
    ttlGraceMs: setting(duration({ zero: true }), {
      key: 'ttlGrace',
      default: '1m',
      meaning: 'With `ttl = "dns"`: added to the TTL.',
    }),
    ipv6: setting(boolean, {
      default: false,

      meaning:
        'Learn AAAA records and announce IPv6 routes. BGP sessions that are up keep their address families until the next start.',
    }),
  },
})
export type TopValues = ValuesOf<typeof TOP.settings>
