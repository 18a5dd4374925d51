/** Lists as services see them: `domains` and the [[list]] tables, with the checks that go over several keys. */
import type { Lifetime, LifetimeKeys } from './lifetime.ts'
import { resolveLifetime } from './lifetime.ts'
import { LIST } from './list-section.ts'
import type { ListConfig, ListLogin } from './list-section.ts'
import type { Secret } from './secret.ts'
import type { Section } from './section.ts'
import { defaultsOf } from './setting.ts'
import type { ValuesOf } from './setting.ts'
import type { TopValues } from './top-section.ts'

const DEFAULT_LIST = 'default'

export function parseLists(root: Section, top: TopValues): readonly ListConfig[] {
  const idle: Lifetime = { kind: 'idle', ttlMs: 0 }
  const lifetime = resolveLifetime(root, top, idle)
  const { domains } = top
  const first = domains === undefined ? [] : [listOfDomains(domains, lifetime)]
  const names = new Set(first.map(({ name }) => name))
  const lists = root.tables(LIST.title).map((section) => {
    const list = parseList(section, lifetime)
    if (list.name !== '' && names.has(list.name))
      section.mistaken(
        'name',
        `${JSON.stringify(list.name)} is the name of an earlier list`,
        list.name === DEFAULT_LIST && domains !== undefined
          ? 'another name: domains is the list "default"'
          : 'a name of its own for each list',
      )
    names.add(list.name)
    return list
  })
  return [...first, ...lists]
}

/** `domains` is a list without settings of its own. */
function listOfDomains(path: string, lifetime: Lifetime): ListConfig {
  return listFrom({ ...defaultsOf(LIST), name: DEFAULT_LIST, source: { kind: 'path', path } }, () => lifetime)
}

type Written = ValuesOf<typeof LIST.settings>

function parseList(section: Section, inherited: Lifetime): ListConfig {
  const values = section.read(LIST)
  const list = listFrom(values, (keys) => resolveLifetime(section, keys, inherited))
  const isFile = values.source.kind === 'path' && values.source.path !== ''
  for (const key of FOR_URLS)
    if (isFile && section.has(key)) section.mistaken(key, 'applies only when `source` is a URL: remove it', '')
  for (const key of ['shortestPrefix', 'shortestPrefixIPv6'])
    if (section.has(key) && !list.addresses)
      section.mistaken(key, 'applies only with `addresses = true`: remove it, or set that', '')
  needEachOther(section, 'user', 'password')
  needEachOther(section, 'proxyUser', 'proxyPassword')
  if (list.bearerToken !== undefined && list.login !== undefined)
    section.mistaken('user', 'set together with `bearerToken`: keep one of the two', '')
  if (list.source.kind === 'url' && list.proxyLogin !== undefined && !section.has('proxy'))
    section.missing('proxy', 'the URL of the proxy that `proxyUser` logs in to')
  if (section.has('origin') && list.format !== 'rpz' && list.format !== 'auto')
    section.mistaken('origin', 'applies only to RPZ zones: remove it, or set `format = "rpz"`', '')
  // A rate that is higher than the default burst needs a burst of its size.
  return section.has('newRoutesBurst')
    ? list
    : { ...list, newRoutesBurst: Math.max(list.newRoutesBurst, values.newRoutesPerSecond) }
}

const FOR_URLS = [
  'refreshInterval',
  'proxy',
  ...['bearerToken', 'password', 'proxyPassword'].flatMap((key) => [key, `${key}File`]),
  'user',
  'proxyUser',
]

function listFrom(values: Written, lifetimeOf: (keys: LifetimeKeys) => Lifetime): ListConfig {
  const { ttl, ttlMinMs, ttlMaxMs, ttlGraceMs, user, password, proxyUser, proxyPassword, proxy, source, ...own } = values
  return {
    ...own,
    source: source.kind === 'url' ? { ...source, proxy } : source,
    lifetime: lifetimeOf({ ttl, ttlMinMs, ttlMaxMs, ttlGraceMs }),
    maxRoutes: own.maxRoutes ?? Infinity,
    newRoutesPerSecond: own.newRoutesPerSecond === 0 ? Infinity : own.newRoutesPerSecond,
    login: loginOf(user, password),
    proxyLogin: loginOf(proxyUser, proxyPassword),
  }
}

function loginOf(user: string | undefined, password: Secret | undefined): ListLogin | undefined {
  return user === undefined || password === undefined ? undefined : { user, password }
}

function needEachOther(section: Section, userKey: string, passwordKey: string): void {
  const hasUser = section.has(userKey)
  const hasPassword = section.has(passwordKey) || section.has(`${passwordKey}File`)
  if (hasUser === hasPassword) return
  section.missing(hasUser ? passwordKey : userKey, `${userKey} and ${passwordKey} together`)
}
