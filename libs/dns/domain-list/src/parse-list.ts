/**
 * Parses a list: octets in, chunk by chunk, rules out to a sink.
 *
 * It chooses the reader of the format. A list is read twice: the survey (survey.ts) recognises the format, then the parser reads the rules. The loader
 * reads files, unpacks them, and refuses lists that shrank.
 */
import { AdblockFormat } from './adblock.ts'
import { AutoproxyFormat } from './autoproxy.ts'
import { ClashFormat } from './clash.ts'
import { DnscryptFormat } from './dnscrypt.ts'
import { DnsmasqFormat } from './dnsmasq.ts'
import { DomainSetFormat } from './domain-set.ts'
import type { ChunkFormat, LineFormat } from './format-reader.ts'
import { GeositeYamlFormat } from './geosite-yaml.ts'
import { GeositeFormat } from './geosite.ts'
import { HostsFormat } from './hosts.ts'
import { Intake } from './intake.ts'
import { LineReader } from './lines.ts'
import { ListError, ListFault } from './list-error.ts'
import { isBinaryFormat } from './magic.ts'
import { MrsFormat } from './mrs.ts'
import { PlainFormat } from './plain.ts'
import { RouterosFormat } from './routeros.ts'
import { RpzFormat } from './rpz.ts'
import { RuleEmitter } from './rule-emitter.ts'
import { ParserFormat, ListMatch, SkipReason } from './rule.ts'
import type { ListOptions, ListSummary, RuleSink } from './rule.ts'
import { ShadowsocksFormat } from './shadowsocks.ts'
import { SingBoxFormat } from './sing-box.ts'
import { SmartdnsFormat } from './smartdns.ts'
import { SrsFormat } from './srs.ts'
import { givenFormat, MAX_LINE_BYTES, needsSurvey, surveyList } from './survey.ts'
import type { Survey } from './survey.ts'
import { refuseBrokenUtf8 } from './text-check.ts'
import { UnboundFormat } from './unbound.ts'
import { decodeUtf8 } from './utf8.ts'
import { V2flyFormat } from './v2fly.ts'

/** Parses a list that is in memory. Throws ListError, and nothing else. */
export function parseList(
  chunks: readonly Uint8Array[],
  format: ParserFormat | 'auto',
  options: ListOptions,
  sink: RuleSink,
): ListSummary {
  const survey = format === 'auto' || needsSurvey(format) ? surveyList(chunks, format) : givenFormat(format)
  const parser = new ListParser(survey, options, sink)
  for (const chunk of chunks) parser.push(chunk)
  return parser.end()
}

/**
 * The same for a stream: push() every chunk, then end(). A chunk may be reused once push() has returned. The survey must be of the same octets; if
 * needsSurvey() is false, the format is enough.
 */
export class ListParser {
  readonly #format: ParserFormat
  readonly #emitter: RuleEmitter
  readonly #intake: Intake

  constructor(known: Survey | ParserFormat, options: ListOptions, sink: RuleSink) {
    const survey = typeof known === 'string' ? givenFormat(known) : known
    const { format } = survey
    if (!Object.values(ParserFormat).includes(format))
      throw new ListError(ListFault.unknownFormat, 0, `there is no list format "${String(format)}"`)
    refuseUselessChoice(format, options)
    this.#format = format
    this.#emitter = new RuleEmitter(sink, options.match ?? ListMatch.auto)
    this.#intake = new Intake(!isBinaryFormat(format), (binary) => {
      if (binary !== undefined && binary !== format)
        throw new ListError(ListFault.binary, 0, `these are octets of ${binary}, and the list is to be read as ${format}`)
      return chunkFormat(survey, this.#emitter, options)
    })
  }

  push(chunk: Uint8Array): void {
    this.#intake.push(chunk)
  }

  end(): ListSummary {
    this.#intake.end()
    return this.#emitter.summary(this.#format)
  }
}

/** A choice that the format cannot make is an error: the whole list would be more than was asked for. */
function refuseUselessChoice(format: ParserFormat, { attributes = [] }: ListOptions): void {
  if (attributes.length > 0 && !HAS_ATTRIBUTES.has(format))
    throw new ListError(
      ListFault.noSuchChoice,
      0,
      `this is a ${format} list, whose entries have no attributes: remove #@${attributes[0]}`,
    )
}

const HAS_ATTRIBUTES: ReadonlySet<ParserFormat> = new Set([
  ParserFormat.v2fly,
  ParserFormat.plain,
  ParserFormat.geosite,
  ParserFormat.geositeYaml,
])

function chunkFormat({ format, switchedOff }: Survey, emitter: RuleEmitter, options: ListOptions): ChunkFormat {
  const maxLineBytes = options.maxLineBytes ?? MAX_LINE_BYTES
  if (format === ParserFormat.geosite) return new GeositeFormat(emitter, options.sites ?? [])
  if (format === ParserFormat.singBox) return new SingBoxFormat(emitter, maxLineBytes)
  if (format === ParserFormat.srs) return new SrsFormat(emitter, maxLineBytes)
  if (format === ParserFormat.mrs) return new MrsFormat(emitter)
  return new LinesOf(lineFormat(format, switchedOff, emitter, options, maxLineBytes), emitter, maxLineBytes)
}

function lineFormat(
  format: Exclude<ParserFormat, 'geosite' | 'sing-box' | 'srs' | 'mrs'>,
  switchedOff: ReadonlySet<string>,
  emitter: RuleEmitter,
  options: ListOptions,
  maxLineBytes: number,
): LineFormat {
  switch (format) {
    case ParserFormat.plain:
      // Names alone have no attributes, so a choice of attributes leaves v2fly's entries only.
      if ((options.attributes ?? []).length > 0) return new V2flyFormat(emitter, options, maxLineBytes)
      return new PlainFormat(emitter, options, maxLineBytes)
    case ParserFormat.hosts:
      return new HostsFormat(emitter)
    case ParserFormat.dnsmasq:
      return new DnsmasqFormat(emitter)
    case ParserFormat.adblock:
      return new AdblockFormat(emitter, switchedOff)
    case ParserFormat.v2fly:
      return new V2flyFormat(emitter, options, maxLineBytes)
    case ParserFormat.rpz:
      return new RpzFormat(emitter, options.origin)
    case ParserFormat.clash:
      return new ClashFormat(emitter)
    case ParserFormat.routeros:
      return new RouterosFormat(emitter, maxLineBytes)
    case ParserFormat.autoproxy:
      return new AutoproxyFormat(emitter)
    case ParserFormat.unbound:
      return new UnboundFormat(emitter)
    case ParserFormat.smartdns:
      return new SmartdnsFormat(emitter)
    case ParserFormat.dnscrypt:
      return new DnscryptFormat(emitter)
    case ParserFormat.shadowsocks:
      return new ShadowsocksFormat(emitter)
    case ParserFormat.domainSet:
      return new DomainSetFormat(emitter)
    case ParserFormat.geositeYaml:
      return new GeositeYamlFormat(emitter, options.sites ?? [])
  }
}

/** A format of lines, fed by chunks. */
class LinesOf implements ChunkFormat {
  readonly #format: LineFormat
  readonly #lines: LineReader

  constructor(format: LineFormat, emitter: RuleEmitter, maxLineBytes: number) {
    this.#format = format
    const isUsual = format.usualLine?.bind(format)
    this.#lines = new LineReader(
      {
        line: (bytes, start, end, number) => {
          emitter.line = number
          emitter.beginItem()
          if (isUsual?.(bytes, start, end) === true) return
          refuseBrokenUtf8(bytes, start, end, number)
          format.line(bytes, start, end)
        },
        tooLong: (bytes, start, end, number) => {
          emitter.line = number
          emitter.beginItem()
          const text = decodeUtf8(bytes, start, end)
          if (/^\s*@@/.test(text)) emitter.skipException(SkipReason.lineTooLong, text)
          else emitter.skip(SkipReason.lineTooLong, text)
        },
      },
      maxLineBytes,
    )
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk)
  }

  end(): void {
    this.#lines.end()
    this.#format.end?.()
  }
}
