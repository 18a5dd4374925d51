/**
 * What a list is, by its first 64 KiB: `format = "auto"`.
 *
 * A mistake changes what rules mean (a bare name covers its subdomains in one format and not in another), so a format is chosen on evidence
 * that no other has, in this order; what gives none is plain.
 *
 *   1. geosite    the first message is a GeoSite that begins with its code
 *   2. sing-box   the first character is `{`
 *   3. a line that only one format has: `payload:` clash; `/ip dns static` routeros; `$ORIGIN`, `$TTL` or a SOA record rpz; `[Adblock ...]` adblock
 *   4. most lines, comments apart: dnsmasq directives, `add name=` routeros, classical or `+.` lines clash, `CNAME .` and its like rpz
 *   5. adblock    `||name`, `@@` or `/regexp/` lines are at least as many as bare names; hosts lines may be mixed in
 *   6. hosts      most lines are an address and a name
 *   7. v2fly      a line with `full:`, `domain:`, `keyword:`, `regexp:`, `include:` or an `@attribute`: more of
 *                 them than of anything else but bare names, which mean the same there as in a plain list
 *   8. plain
 */
import { ListError, ListFault } from './list-error.ts'
import { ListFormat } from './rule.ts'
import { decodeUtf8 } from './utf8.ts'

/** How much of the beginning is looked at. */
export const DETECT_BYTES = 65536

/** Throws a ListError for what no format can be: compressed, UTF-16, a web page. */
export function refuseWhatIsNoList(head: Uint8Array): void {
  const name = COMPRESSED.find(([, magic]) => magic.every((octet, i) => head[i] === octet))?.[0]
  if (name !== undefined) throw new ListError(ListFault.compressed, 0, `these are ${name} bytes, not a list`)
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff))
    throw new ListError(ListFault.notUtf8, 0, 'this is UTF-16; a list is UTF-8')
  // No format begins with it, and pages do so in many ways: <!doctype, <?xml, <!-- -->.
  if (/^\ufeff?\s*</.test(decodeUtf8(head, 0, Math.min(head.length, 1024))))
    throw new ListError(ListFault.htmlPage, 0, 'this is a web page or XML, not a list')
}

/** The format of a list by its beginning. `complete`: there is no more of it, so a last line without end is a line. */
export function detectFormat(head: Uint8Array, complete = true): ListFormat {
  if (looksLikeGeosite(head)) return ListFormat.geosite
  const text = decodeUtf8(head, 0, Math.min(head.length, DETECT_BYTES)).replace(/^\ufeff/, '')
  if (/^\s*\{/.test(text)) return ListFormat.singBox
  const lastNewline = text.lastIndexOf('\n')
  const whole = complete || lastNewline < 0 ? text : text.slice(0, lastNewline)
  const lines = whole.split(/\r?\n/).map((line) => line.slice(0, MAX_LINE))
  for (const line of lines) {
    const certain = CERTAIN.find(([, pattern]) => pattern.test(line))
    if (certain !== undefined) return certain[0]
  }
  return byMajority(lines)
}

function byMajority(lines: readonly string[]): ListFormat {
  const counts = new Map<ListFormat | 'name' | 'other', number>()
  let total = 0
  for (const line of lines) {
    if (/^\s*(?:[#;!]|\/\/|$)/.test(line)) continue
    const evidence = EVIDENCE.find(([, pattern]) => pattern.test(line))?.[0] ?? 'other'
    counts.set(evidence, (counts.get(evidence) ?? 0) + 1)
    total++
  }
  const count = (evidence: ListFormat | 'name' | 'other') => counts.get(evidence) ?? 0
  for (const format of [ListFormat.dnsmasq, ListFormat.routeros, ListFormat.clash, ListFormat.rpz])
    if (count(format) * 2 > total) return format
  if (count(ListFormat.adblock) > 0 && count(ListFormat.adblock) * 2 >= total - count(ListFormat.hosts)) return ListFormat.adblock
  if (count(ListFormat.hosts) * 2 > total) return ListFormat.hosts
  if (count(ListFormat.v2fly) * 2 > total - count('name')) return ListFormat.v2fly
  return ListFormat.plain
}

/** `0A <length of the entry> 0A <length of the code> <CODE> 12`: a line of text has no 0x12. */
function looksLikeGeosite(head: Uint8Array): boolean {
  if (head[0] !== 0x0a) return false
  let at = 1
  while (at < 6 && head[at] >= 0x80) at++
  if (head[at + 1] !== 0x0a) return false
  const length = head[at + 2]
  const code = at + 3
  if (!(length > 0 && length < 128) || code + length >= head.length) return false
  for (let i = code; i < code + length; i++) if (!/[A-Za-z0-9!@._-]/.test(String.fromCharCode(head[i]))) return false
  return head[code + length] === 0x12
}

/** Characters of a line that are looked at: enough for evidence, too few for a pattern to take long over. */
const MAX_LINE = 512

const COMPRESSED: readonly (readonly [name: string, magic: readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['bzip2', [0x42, 0x5a, 0x68, 0x39]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
]

const CERTAIN: readonly (readonly [ListFormat, RegExp])[] = [
  [ListFormat.clash, /^payload\s*:(?:\s|$)/],
  [ListFormat.routeros, /^\/ip[ /]+dns[ /]+static\b/],
  [ListFormat.rpz, /^\$(?:ORIGIN|TTL)\s/i],
  [ListFormat.rpz, /^[^\s#;!|]+\s+(?:[0-9]+[smhdw]?\s+)?(?:IN\s+)?SOA\s+\S+\s+\S+/i],
  [ListFormat.adblock, /^\[Adblock/i],
]

const EVIDENCE: readonly (readonly [ListFormat | 'name', RegExp])[] = [
  [ListFormat.dnsmasq, /^\s*(?:--)?(?:server|local|address|ipset|nftset)\s*=\s*\//],
  [ListFormat.routeros, /^\s*(?::do\s*\{\s*)?add\s.*\b(?:name|regexp)=/],
  [ListFormat.clash, /^\s*(?:-\s+['"]?)?(?:DOMAIN(?:-SUFFIX|-KEYWORD|-REGEX|-WILDCARD)?|IP-CIDR6?|GEOSITE|GEOIP|PROCESS-NAME),/],
  [ListFormat.clash, /^\s*(?:-\s+)?['"]?\+\.[^\s*]+$/],
  [ListFormat.rpz, /^\S+\s+(?:[0-9]+\s+)?(?:IN\s+)?CNAME\s+(?:\.|\*\.|rpz-[a-z-]+\.)\s*(?:;.*)?$/i],
  [ListFormat.adblock, /^(?:@@)?\|\|?[^\s|]|^@@\S|^\/.+\/(?:\$\S*)?$|^\S+\^(?:\$\S*)?$/],
  [ListFormat.hosts, /^\s*(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*(?:%\w+)?)\s+[^\s#/]+/i],
  [
    ListFormat.v2fly,
    /^(?:full|domain|keyword|regexp|include):\S+(?:\s+[@&]\S+)*\s*(?:#.*)?$|^[^\s:]+(?:\s+[@&]\S+)+\s*(?:#.*)?$/,
  ],
  ['name', /^\s*[^\s/|^=:,;*]+\s*(?:#.*)?$/],
]
