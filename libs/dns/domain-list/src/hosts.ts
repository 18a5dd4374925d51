/**
 * hosts(5) files: `address name [alias...]`, comments from `#`. Each name stands for itself alone. The address is what a blocking resolver
 * would answer and says nothing here, so it is not counted as an address of the list.
 */
import { parseAddress, parsePrefix } from '@dnstap-bgp/ip'
import type { LineFormat } from './format-reader.ts'
import type { RuleEmitter } from './rule-emitter.ts'
import { RuleKind, SkipReason } from './rule.ts'
import { before, decodeUtf8 } from './utf8.ts'

export class HostsFormat implements LineFormat {
  readonly #emitter: RuleEmitter
  /** The address of the last line, as bytes with the space after it: the next line most often begins the same. */
  #prefix = new Uint8Array(0)

  constructor(emitter: RuleEmitter) {
    this.#emitter = emitter
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    const text = decodeUtf8(bytes, start, end)
    const [address, ...names] = wordsOf(before(text, /#/))
    if (address === undefined) return
    if (!isHostsAddress(address)) return this.#emitter.skip(SkipReason.badSyntax, text)
    if (names.length === 0) return this.#emitter.skip(SkipReason.noName, text)
    if (bytes[start + address.length] === SPACE) this.#prefix = bytes.slice(start, start + address.length + 1)
    for (const name of names) {
      if (isLocalName(name)) this.#emitter.skip(SkipReason.localName, name)
      else this.#emitter.name(RuleKind.exact, name)
    }
  }

  /** The address of the line before, one space, and one name that is not one of the machine's own. */
  usualLine(bytes: Uint8Array, start: number, end: number): boolean {
    const prefix = this.#prefix
    if (prefix.length === 0 || end - start <= prefix.length) return false
    for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false
    const name = start + prefix.length
    if (mayBeLocalName(bytes[name], bytes[name + 1])) return false
    return this.#emitter.plainBytes(RuleKind.exact, bytes, name, end)
  }
}

/** The names of a line of a hosts file that stands in another format; undefined: it is none. Nothing but names follows the address. */
export function hostsNames(words: readonly string[]): string[] | undefined {
  const [address = '', ...names] = words
  if (names.length === 0 || !isHostsAddress(address) || names.some((name) => parsePrefix(name) !== undefined)) return undefined
  return names
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

/** An address as hosts files write it, a zone included; `0` is how inet_aton lets 0.0.0.0 be written. */
export function isHostsAddress(text: string): boolean {
  if (text === '0') return true
  const zone = text.indexOf('%')
  return parseAddress(zone < 0 ? text : text.slice(0, zone)) !== undefined
}

/** Names that every machine's own hosts file gives itself, and addresses in a name's place. */
export function isLocalName(text: string): boolean {
  return LOCAL_NAMES.has(text.toLowerCase().replace(/\.$/, '')) || parseAddress(text) !== undefined
}

const LOCAL_NAMES = new Set(
  'localhost localhost.localdomain localhost4 localhost4.localdomain4 localhost6 localhost6.localdomain6 local localdomain broadcasthost ip6-localhost ip6-loopback ip6-localnet ip6-mcastprefix ip6-allnodes ip6-allrouters ip6-allhosts'.split(
    ' ',
  ),
)

/** By the first two letters, in any case: `lo`, `br`, `ip`. An address in a name's place has no letter or a colon: never fast. */
function mayBeLocalName(first: number | undefined, second: number | undefined): boolean {
  const pair = (((first ?? 0) | 0x20) << 8) | ((second ?? 0) | 0x20)
  return pair === 0x6c6f || pair === 0x6272 || pair === 0x6970
}

const SPACE = 0x20
