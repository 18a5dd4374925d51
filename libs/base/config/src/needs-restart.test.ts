import { expect, test } from 'vitest'
import { keysThatNeedRestart } from './needs-restart.ts'
import { parseConfig } from './parse-config.ts'
import { SECTIONS } from './sections.ts'
import { defaultsOf, namedSettings } from './setting.ts'
import type { SectionValues } from './setting.ts'

const config = (text: string) => parseConfig(text, 'test.toml', {})
const PEERS = 'peers = ["192.0.2.2", "192.0.2.3"]\n'
const OWN = (source: string) => `[bgp]\nas = 64512\nrouterID = "192.0.2.1"\nsourceIP = "${source}"\n${PEERS}`
const BGP = '[bgp]\nas = 64512\nrouterID = "192.0.2.1"\nnextHop = "192.0.2.9"\n'

test.each([
  ['a list, limits, the never list', '', '[limits]\nroutes = 5\n[never]\nallowPrivate = true\n', []],
  ['the types of dnstap', '[dnstap]\nlisten = "./a"\n', '[dnstap]\nlisten = "./a"\ntypes = ["STUB_RESPONSE"]\n', []],
  [
    'where we listen',
    '[dnstap]\nlisten = "./a"\nperm = "0600"\n',
    '[dnstap]\nlisten = "./b"\nperm = "0660"\n',
    ['dnstap.listen', 'dnstap.perm'],
  ],
  ['another certificate', tls('a'), tls('b'), []],
  ['TLS where there was none', '[dnstap]\nlisten = "127.0.0.1:6000"\n', tls('a'), ['[dnstap.tls]']],
  [
    'numbers',
    `${BGP}holdTime = "90s"\nrelearnTime = "0s"`,
    `${BGP}relearnTime = "15m"\ngracefulRestartTime = "1s"`,
    ['bgp.gracefulRestartTime', 'bgp.relearnTime'],
  ],
  ['one peer', `${BGP}peers = ["192.0.2.2"]`, `${BGP}peers = ["192.0.2.3"]`, ['bgp.peers']],
  ['no limit and a limit', peer('maxRoutes = 5'), peer(''), ['[[bgp.peer]]']],
  ['our address', `${BGP}sourceIP = "192.0.2.5"\n${PEERS}`, `${BGP}sourceIP = "192.0.2.6"\n${PEERS}`, ['bgp.sourceIP']],
  ['our address, which is the next hop', OWN('192.0.2.5'), OWN('192.0.2.6'), ['bgp.sourceIP']],
  ['our AS', `${BGP}${PEERS}`, `${BGP.replace('64512', '64513')}${PEERS}`, ['bgp.as']],
  ['the key of all peers', `${BGP}password = "a"\n${PEERS}`, `${BGP}password = "b"\n${PEERS}`, ['bgp.password']],
  ['IPv6', `${BGP}${PEERS}`, `ipv6 = true\n${BGP}${PEERS}`, ['ipv6 (in BGP sessions)']],
  ['what one peer has of its own', peer('holdTime = "30s"'), peer('holdTime = "60s"'), ['[[bgp.peer]]']],
  ['a secret', '[admin]\ntoken = "sesame"\n', '[admin]\ntoken = "simsim"\n', ['admin.token']],
  ['a table that is new', '', '[syncer]\nlisten = ":8080"\n', ['[syncer]']],
  ['another store', 'cache = "a"\n', '[store]\nredis = "r"\n', ['cache', '[store]']],
  ['another file', 'cache = "a"\n', 'cache = "b"\n', ['cache']],
  ['where lists are kept', '', '[lists]\nstate = "x"\n', ['lists.state']],
  ['the log', '', '[log]\nlevel = "debug"\n', ['log.level']],
])('of %s, these wait for a restart', (_what, before, after, expected) => {
  expect(keysThatNeedRestart(config(before), config(after))).toEqual(expected)
  expect(keysThatNeedRestart(config(after), config(after))).toEqual([])
})

function tls(name: string): string {
  return `[dnstap]\nlisten = "127.0.0.1:6000"\n[dnstap.tls]\ncert = "${name}.pem"\nkey = "${name}.key"\n`
}

function peer(more: string): string {
  return `${BGP}[[bgp.peer]]\naddress = "192.0.2.2"\n${more}\n`
}

const everySetting = SECTIONS.flatMap((section) =>
  namedSettings(section).map((one) => ({ ...one, section, title: section.title })),
)

test.each(everySetting)('[$title] $key waits for a restart if its description says so', ({ property, key, setting, section }) => {
  const { title, takesEffect, isRepeated } = section
  const withValues = (values: SectionValues) => ({ ...config(''), written: new Map([[title, [values]]]) })
  const name = isRepeated === true ? `[[${title}]]` : title === '' ? key : `${title}.${key}`
  const isAtRestart = (setting.takesEffect ?? takesEffect) === 'restart'
  const changed = withValues({ ...defaultsOf(section), [property]: 'another value' })
  expect(keysThatNeedRestart(withValues(defaultsOf(section)), changed)).toEqual(isAtRestart ? [name] : [])
})
