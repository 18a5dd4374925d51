/**
 * Recognises the format of a list (`format = "auto"`) from all of its lines, before the list is parsed. It also finds the rules of an AdBlock list that
 * `$badfilter` switches off.
 *
 * A mistake in the format changes what rules mean: a bare name covers its subdomains in one format and not in another. So the whole list
 * is looked at, each line is evidence of at most one format (evidence.ts), and the order of lines and the cuts of chunks change nothing.
 *
 *   1. the first octets        geosite and other binary formats
 *   2. the first line that is no comment   `{` sing-box;  `payload:` clash;  `[Adblock` adblock;  `[AutoProxy` autoproxy;  `[proxy_list]` and its
 *                              like shadowsocks;  `lists:` geosite-yaml;  `$ORIGIN`, `$TTL` or a SOA record rpz
 *   3. most lines              dnsmasq, routeros, clash, rpz, unbound, smartdns
 *   4. adblock                 as many of its lines as others, hosts lines apart
 *   5. most lines              hosts
 *   6. commands                most lines are commands or settings of no known program: the list is refused
 *   7. lines that are not names   most are of dnscrypt or v2fly; more `.name` lines than bare names: domain-set
 *   8. plain
 */
import { foreignText } from '@dnstap-bgp/foreign-text'
import { Evidence, EVIDENCE_KINDS, LineClassifier } from './evidence.ts'
import type { ChunkFormat } from './format-reader.ts'
import { Intake } from './intake.ts'
import { LineReader } from './lines.ts'
import { ListError, ListFault } from './list-error.ts'
import { isBinaryFormat } from './magic.ts'
import { ParserFormat } from './rule.ts'
import { refuseBrokenUtf8 } from './text-check.ts'
import { decodeUtf8 } from './utf8.ts'

export interface Survey {
  readonly format: ParserFormat
  /** Why, in a few words. */
  readonly why: string
  /** AdBlock: the rules that another line of the list switches off. */
  readonly switchedOff: ReadonlySet<string>
}

/** Must a list of this format be surveyed before it is parsed? */
export function needsSurvey(format: ParserFormat | 'auto'): boolean {
  return format === 'auto' || format === ParserFormat.adblock
}

/** The survey of a list of this format without looking at it: for what needs none. */
export function givenFormat(format: ParserFormat): Survey {
  return { format, why: 'configured', switchedOff: NOTHING }
}

/** push() every chunk, then end(). A chunk may be reused once push() has returned. Throws ListError, and nothing else. */
export class ListSurvey {
  readonly #format: ParserFormat | 'auto'
  readonly #intake: Intake
  readonly #maxLineBytes: number
  readonly #classifier = new LineClassifier()
  readonly #counts = new Uint32Array(EVIDENCE_KINDS)
  readonly #switchedOff = new Set<string>()
  #decided: Survey | undefined
  #mayBeHeader = true
  #inBlockComment = false
  #firstOther = ''

  constructor(format: ParserFormat | 'auto', maxLineBytes = MAX_LINE_BYTES) {
    if (format !== 'auto' && !Object.values(ParserFormat).includes(format))
      throw new ListError(ListFault.unknownFormat, 0, `there is no list format "${String(format)}"`)
    this.#format = format
    this.#maxLineBytes = maxLineBytes
    this.#intake = new Intake(!isBinaryFormat(format), (binary) => this.#reader(binary))
  }

  /** More of the list can change nothing. */
  get isDecided(): boolean {
    return this.#decided !== undefined && !needsSurvey(this.#decided.format)
  }

  push(chunk: Uint8Array): void {
    if (!this.isDecided) this.#intake.push(chunk)
  }

  end(): Survey {
    if (!this.isDecided) this.#intake.end()
    const { format, why } = this.#decided ?? this.#byCount()
    return { format, why, switchedOff: this.#switchedOff }
  }

  #reader(binary: ParserFormat | undefined): ChunkFormat {
    if (this.#format !== 'auto') this.#decide(this.#format, 'configured')
    else if (binary !== undefined) this.#decide(binary, 'its first octets')
    if (this.isDecided) return PASSED_BY
    return new LineReader(
      {
        line: (bytes, start, end, number) => this.#line(bytes, start, end, number),
        tooLong: () => this.#counts[Evidence.other]++,
      },
      this.#maxLineBytes,
    )
  }

  #line(bytes: Uint8Array, start: number, end: number, number: number): void {
    if (this.isDecided) return
    if (this.#mayBeHeader && this.#decided === undefined)
      this.#header(decodeUtf8(bytes, start, Math.min(end, start + MAX_HEADER)))
    if (this.#decided === undefined) {
      const evidence = this.#classifier.classify(bytes, start, end)
      this.#counts[evidence]++
      if (evidence === Evidence.command || evidence === Evidence.other) {
        refuseBrokenUtf8(bytes, start, end, number)
        if (this.#firstOther === '' && evidence === Evidence.command)
          this.#firstOther = `line ${number}: ${foreignText(decodeUtf8(bytes, start, Math.min(end, start + MAX_SHOWN)).trim(), MAX_SHOWN)}`
      }
      if (evidence !== Evidence.adblock) return
    }
    if (this.#switchedOff.size < MAX_SWITCHED_OFF && includesBadfilter(bytes, start, end))
      this.#badfilter(decodeUtf8(bytes, start, end).trim())
  }

  /** The first lines of a format that has a heading. */
  #header(line: string): void {
    const text = line.trim()
    if (this.#inBlockComment || text.startsWith('/*')) {
      this.#inBlockComment = !text.includes('*/')
      if (this.#inBlockComment || text.endsWith('*/')) return
      return this.#header(text.slice(text.indexOf('*/') + 2))
    }
    if (text === '' || /^(?:[#;!]|\/\/|---\s*$)/.test(text)) return
    const heading = HEADINGS.find(([, pattern]) => pattern.test(text))
    if (heading !== undefined) this.#decide(heading[0], `its first line is ${quoted(text)}`)
    // A YAML file may have other keys before `payload:`.
    else if (!/^[A-Za-z][\w-]*\s*:(?:\s|$)/.test(line)) this.#mayBeHeader = false
  }

  #badfilter(rule: string): void {
    const [, pattern = '', modifiers = ''] = /^(.*)\$([^$]*)$/.exec(rule) ?? []
    const names = modifiers.split(',').map((modifier) => modifier.trim())
    if (!names.includes('badfilter')) return
    this.#switchedOff.add(
      ruleKey(
        pattern,
        names.filter((name) => name !== 'badfilter'),
      ),
    )
  }

  #decide(format: ParserFormat, why: string): void {
    this.#decided = { format, why, switchedOff: this.#switchedOff }
  }

  #byCount(): Pick<Survey, 'format' | 'why'> {
    const count = (...kinds: Evidence[]) => kinds.reduce<number>((sum, kind) => sum + this.#counts[kind], 0)
    const total = this.#counts.reduce((sum, each) => sum + each, 0) - count(Evidence.none)
    const of = (n: number, what: string) => `${n} of ${total} lines are ${what}`
    for (const [format, kinds, what] of MAJORITIES)
      if (count(kinds[0] ?? Evidence.none) > 0 && count(...kinds) * 2 > total) return { format, why: of(count(...kinds), what) }
    const adblock = count(Evidence.adblock)
    if (adblock > 0 && adblock * 2 >= total - count(Evidence.hosts))
      return { format: ParserFormat.adblock, why: of(adblock, 'AdBlock rules') }
    const hosts = count(Evidence.hosts)
    if (hosts * 2 > total) return { format: ParserFormat.hosts, why: of(hosts, 'an address and a name') }
    const commands = count(Evidence.command)
    if (commands * 2 > total)
      throw new ListError(
        ListFault.unknownFormat,
        0,
        `${of(commands, 'commands or settings')} of no format that is read (${this.#firstOther})`,
      )
    const marked = total - count(Evidence.name, Evidence.dotted)
    const dnscrypt = count(Evidence.dnscrypt)
    if (dnscrypt * 2 > marked - count(Evidence.plainOrDnscrypt))
      return { format: ParserFormat.dnscrypt, why: of(dnscrypt, 'patterns of dnscrypt-proxy') }
    const v2fly = count(Evidence.v2fly)
    if (v2fly * 2 > marked) return { format: ParserFormat.v2fly, why: of(v2fly, 'v2fly entries') }
    const dotted = count(Evidence.dotted)
    if (marked === 0 && dotted > count(Evidence.name))
      return { format: ParserFormat.domainSet, why: of(dotted, 'names that begin with a dot') }
    return {
      format: ParserFormat.plain,
      why:
        total === 0
          ? 'it is empty'
          : of(count(Evidence.name, Evidence.dotted, Evidence.plain, Evidence.plainOrDnscrypt), 'names'),
    }
  }
}

/** A rule and its modifiers, whatever their order, as `$badfilter` names it. */
export function ruleKey(pattern: string, modifiers: readonly string[]): string {
  return [pattern, ...[...modifiers].sort()].join('$')
}

/** Surveys a list that is at hand. */
export function surveyList(chunks: Iterable<Uint8Array>, format: ParserFormat | 'auto'): Survey {
  const survey = new ListSurvey(format)
  for (const chunk of chunks) survey.push(chunk)
  return survey.end()
}

function includesBadfilter(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end && bytes[at] !== DOLLAR) at++
  for (; at + BADFILTER.length <= end; at++) if (BADFILTER.every((octet, i) => bytes[at + i] === octet)) return true
  return false
}

function quoted(text: string): string {
  return `"${foreignText(text, MAX_SHOWN)}"`
}

const NOTHING: ReadonlySet<string> = new Set()
const PASSED_BY: ChunkFormat = { push: () => undefined, end: () => undefined }
export const MAX_LINE_BYTES = 65536
const MAX_HEADER = 512
const MAX_SHOWN = 40
const MAX_SWITCHED_OFF = 100_000
const DOLLAR = 0x24
const BADFILTER = Array.from('badfilter', (letter) => letter.charCodeAt(0))

const HEADINGS: readonly (readonly [ParserFormat, RegExp])[] = [
  [ParserFormat.singBox, /^\{/],
  [ParserFormat.clash, /^payload\s*:(?:\s|$)/],
  [ParserFormat.clash, /^\[(?:Remote )?Rule\]$/i],
  [ParserFormat.adblock, /^\[Adblock/i],
  [ParserFormat.autoproxy, /^\[AutoProxy/i],
  [ParserFormat.shadowsocks, /^\[(?:(?:proxy|bypass|accept|reject)_all|(?:proxy|bypass|white|black|outbound_block)_list)\]$/],
  [ParserFormat.geositeYaml, /^lists\s*:\s*$/],
  [ParserFormat.rpz, /^\$(?:ORIGIN|TTL)\s/i],
  [ParserFormat.rpz, /^[^\s#;!|]+\s+(?:[0-9]+[smhdw]?\s+)?(?:IN\s+)?SOA\s+\S+\s+\S+/i],
]

/** Formats without bare names: most lines are of the format. At least one line of the first kind must be there; the other kinds count with it. */
const MAJORITIES: readonly (readonly [ParserFormat, readonly Evidence[], string])[] = [
  [ParserFormat.dnsmasq, [Evidence.dnsmasq], 'dnsmasq directives'],
  [ParserFormat.unbound, [Evidence.unbound], 'settings of Unbound'],
  [ParserFormat.smartdns, [Evidence.smartdns], 'settings of smartdns'],
  [ParserFormat.routeros, [Evidence.routeros, Evidence.command], 'RouterOS commands'],
  [ParserFormat.clash, [Evidence.clash], 'rules of Clash, Surge, Loon or Quantumult X'],
  [ParserFormat.rpz, [Evidence.rpz], 'records of a zone'],
]
