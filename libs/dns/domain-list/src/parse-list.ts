/**
 * The way in: bytes of a list, chunk by chunk, to rules in a sink.
 *
 * Knows which reader a format has, and what stands before every format: the byte order mark, the detection of `auto`, and the signs
 * that this is no list at all. Reading files, unpacking and refusing a list that shrank are the loader's.
 */
import { detectFormat, DETECT_BYTES, refuseWhatIsNoList } from './detect.ts'
import { AdblockFormat } from './adblock.ts'
import { ClashFormat } from './clash.ts'
import { DnsmasqFormat } from './dnsmasq.ts'
import type { ChunkFormat, LineFormat } from './format-reader.ts'
import { GeositeFormat } from './geosite.ts'
import { HostsFormat } from './hosts.ts'
import { LineReader } from './lines.ts'
import { ListError, ListFault } from './list-error.ts'
import { PlainFormat } from './plain.ts'
import { RouterosFormat } from './routeros.ts'
import { RpzFormat } from './rpz.ts'
import { RuleEmitter } from './rule-emitter.ts'
import { ListFormat, ListMatch, SkipReason } from './rule.ts'
import type { ListOptions, ListSummary, RuleSink } from './rule.ts'
import { SingBoxFormat } from './sing-box.ts'
import { decodeUtf8 } from './utf8.ts'
import { V2flyFormat } from './v2fly.ts'

/** Reads a whole list. Throws ListError, and nothing else. */
export function parseList(
  chunks: Iterable<Uint8Array>,
  format: ListFormat | 'auto',
  options: ListOptions,
  sink: RuleSink,
): ListSummary {
  const parser = new ListParser(format, options, sink)
  for (const chunk of chunks) parser.push(chunk)
  return parser.end()
}

/** The same for bytes that arrive: push() every chunk, then end(). A chunk may be reused once push() has returned. */
export class ListParser {
  readonly #options: ListOptions
  readonly #emitter: RuleEmitter
  #format: ListFormat | 'auto'
  #reader: ChunkFormat | undefined
  #head = new Uint8Array(0) // the beginning, until there is enough to look at

  constructor(format: ListFormat | 'auto', options: ListOptions, sink: RuleSink) {
    if (format !== 'auto' && !Object.values(ListFormat).includes(format))
      throw new ListError(ListFault.unknownFormat, 0, `there is no list format "${String(format)}"`)
    this.#format = format
    this.#options = options
    this.#emitter = new RuleEmitter(sink, options.match ?? ListMatch.auto)
  }

  push(chunk: Uint8Array): void {
    if (this.#reader !== undefined) return this.#reader.push(chunk)
    const head = new Uint8Array(this.#head.length + chunk.length)
    head.set(this.#head)
    head.set(chunk, this.#head.length)
    this.#head = head
    if (head.length >= DETECT_BYTES) this.#begin(false)
  }

  end(): ListSummary {
    const reader = this.#reader ?? this.#begin(true)
    reader.end()
    return this.#emitter.summary(this.#format === 'auto' ? ListFormat.plain : this.#format)
  }

  #begin(complete: boolean): ChunkFormat {
    const hasMark = this.#head[0] === 0xef && this.#head[1] === 0xbb && this.#head[2] === 0xbf
    const head = hasMark ? this.#head.subarray(3) : this.#head
    this.#head = new Uint8Array(0)
    const looked = head.subarray(0, DETECT_BYTES)
    refuseWhatIsNoList(looked)
    const format = this.#format === 'auto' ? detectFormat(looked, complete) : this.#format
    this.#format = format
    const reader = chunkFormat(format, this.#emitter, this.#options)
    this.#reader = reader
    reader.push(head)
    return reader
  }
}

const DEFAULT_MAX_LINE_BYTES = 65536

function chunkFormat(format: ListFormat, emitter: RuleEmitter, options: ListOptions): ChunkFormat {
  const maxLineBytes = options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES
  if (format === ListFormat.geosite) return new GeositeFormat(emitter, options.sites ?? [])
  if (format === ListFormat.singBox) return new SingBoxFormat(emitter, maxLineBytes)
  return new LinesOf(lineFormat(format, emitter, options, maxLineBytes), emitter, maxLineBytes)
}

function lineFormat(
  format: Exclude<ListFormat, 'geosite' | 'sing-box'>,
  emitter: RuleEmitter,
  options: ListOptions,
  maxLineBytes: number,
): LineFormat {
  switch (format) {
    case ListFormat.plain:
      return new PlainFormat(emitter)
    case ListFormat.hosts:
      return new HostsFormat(emitter)
    case ListFormat.dnsmasq:
      return new DnsmasqFormat(emitter)
    case ListFormat.adblock:
      return new AdblockFormat(emitter)
    case ListFormat.v2fly:
      return new V2flyFormat(emitter, options, maxLineBytes)
    case ListFormat.rpz:
      return new RpzFormat(emitter, options.origin)
    case ListFormat.clash:
      return new ClashFormat(emitter)
    case ListFormat.routeros:
      return new RouterosFormat(emitter, maxLineBytes)
  }
}

/** A format of lines, fed by chunks. */
class LinesOf implements ChunkFormat {
  readonly #format: LineFormat
  readonly #lines: LineReader

  constructor(format: LineFormat, emitter: RuleEmitter, maxLineBytes: number) {
    this.#format = format
    this.#lines = new LineReader(
      {
        line: (bytes, start, end, number) => {
          emitter.line = number
          format.line(bytes, start, end)
        },
        tooLong: (bytes, start, end, number) => {
          emitter.line = number
          emitter.skip(SkipReason.lineTooLong, decodeUtf8(bytes, start, end))
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
