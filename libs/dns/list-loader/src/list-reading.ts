/** Reads one list from its files into the matcher builder, and records skipped lines. */
import type { ListRules } from '@dnstap-bgp/domain-matcher'
import { ListError, ListParser, RuleKind, type ListOptions, type RuleSink } from '@dnstap-bgp/domain-list'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { JobList } from './build-job.ts'
import { chunksOf, filesOf, FolderDigest, signatureOfFile, SourceError, type SourceFiles } from './list-files.ts'
import { notWhole, UnderstoodLines } from './losses.ts'
import { LostExceptions } from './lost-exceptions.ts'
import { RuleNotes } from './rule-notes.ts'
import { SkipRecord } from './skip-record.ts'
import { surveyOf } from './survey-file.ts'
import { isTooWide, tooWideSentence } from './wide-prefix.ts'

const MAX_SHOWN = 5
const MAX_SHOWN_TEXT = 255
const MAX_ADDRESSES = 1_000_000

export class ListReading {
  readonly skips = new SkipRecord()
  readonly lostExceptions = new LostExceptions()
  readonly notes = new RuleNotes()
  format: string
  addressCount = 0
  /** The files that were read; undefined: they could not be found. */
  files: SourceFiles | undefined
  /** Digest of the file; for a folder: of the names and digests of its files. */
  sha256 = ''
  /** Files that `include:` lines name, also missing ones, with their signatures. */
  readonly included = new Map<string, string>()
  readonly #list: JobList
  readonly #rules: ListRules
  readonly #addresses = new Set<string>()
  readonly #tooWide: string[] = []
  readonly #missing = new Set<string>()
  readonly #lines = new UnderstoodLines()
  /** The name of the file being read, when the list is a folder. */
  #file: string | undefined

  constructor(list: JobList, rules: ListRules) {
    this.#list = list
    this.#rules = rules
    this.format = list.format
  }

  /** Rules and addresses. */
  get size(): number {
    return this.#rules.counts.rules + this.addressCount
  }

  sortedAddresses(): string[] {
    return [...this.#addresses].sort()
  }

  /** Reads a file or a folder; returns why it cannot be read. `includes`: the folder of the lists that a v2fly list may include. */
  async read(path: string, includes: string | undefined, maxBytes: number): Promise<string | undefined> {
    try {
      this.files = filesOf(path)
      return await this.#readFiles(this.files, this.#options(includes, maxBytes), maxBytes)
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      return error.message
    }
  }

  /** Sentences about rules that the source has and that are not in use. */
  losses(): string[] {
    const { 'prefix-too-wide': tooWide = 0, 'include-not-found': missing = 0 } = this.skips.counts
    const losses = this.#lines.losses(this.#list.minimumShare)
    const { count } = this.lostExceptions
    if (count > 0) losses.push(`${count} ${count === 1 ? 'exception is' : 'exceptions are'} missing`)
    if (missing > 0) losses.push(notWhole([...this.#missing], missing))
    if (tooWide > 0) losses.push(tooWideSentence(this.#tooWide, tooWide, this.#list))
    return losses
  }

  #options(includes: string | undefined, maxBytes: number): ListOptions {
    const { match, sites, attributes, origin } = this.#list
    return {
      match,
      // `google,@cn` means the same as `google@cn`.
      sites: sites.map((site) => [site, ...attributes].join('@')),
      attributes,
      include: (name) => {
        const bytes = includes === undefined ? undefined : this.#includedBytes(includes, name, maxBytes)
        if (bytes === undefined && this.#missing.size < MAX_SHOWN) this.#missing.add(name)
        return bytes
      },
      ...(origin === undefined ? {} : { origin }),
    }
  }

  async #readFiles(
    { files, isFolder, dangling }: SourceFiles,
    options: ListOptions,
    maxBytes: number,
  ): Promise<string | undefined> {
    const formats = new Set<string>()
    const whole = new FolderDigest()
    for (const file of files) {
      this.#file = isFolder ? basename(file) : undefined
      try {
        formats.add(await this.#readFile(file, options, maxBytes))
      } catch (error) {
        if (!(error instanceof ListError)) throw error
        return `${isFolder ? file : this.#list.sourceText}: ${error.message}`
      }
      whole.add(file, this.sha256)
    }
    this.#file = undefined
    for (const name of dangling) {
      this.skips.add('dangling-link', undefined, 0, name)
      this.#lines.skippedFile('dangling-link')
    }
    if (isFolder) this.sha256 = whole.sha256
    this.format = [...formats].join(', ')
    return undefined
  }

  async #readFile(file: string, options: ListOptions, maxBytes: number): Promise<string> {
    const survey = await surveyOf(file, this.#list, maxBytes)
    const parser = new ListParser(survey, options, this.#sink())
    const hash = createHash('sha256')
    for await (const chunk of chunksOf(file, maxBytes, (bytes) => hash.update(bytes))) parser.push(chunk)
    this.sha256 = hash.digest('hex')
    const summary = parser.end()
    this.#lines.addFile(summary)
    return summary.format
  }

  #sink(): RuleSink {
    const rules = this.#rules
    let lastReason = ''
    return {
      rule: (kind, pattern, exception, important, line) => {
        const refusal = rules.rule(kind, pattern, exception, important)
        if (refusal !== undefined) this.#ruleRefused(refusal, kind, pattern.slice(0, MAX_SHOWN_TEXT), exception, line)
      },
      ruleBytes: (kind, bytes, start, end, exception, important, line) => {
        const refusal = rules.ruleBytes(kind, bytes, start, end, exception, important)
        if (refusal === undefined) return
        const shown = Buffer.from(bytes.subarray(start, Math.min(end, start + MAX_SHOWN_TEXT))).toString('latin1')
        this.#ruleRefused(refusal, kind, shown, exception, line)
      },
      address: (prefix, line) => this.#address(prefix, line),
      skip: (reason, line, text) => {
        lastReason = reason
        this.skips.add(reason, this.#file, line, text)
      },
      note: (kind, _line, text) => this.notes.add(kind, text),
      exceptionSkipped: (line, name, text) => {
        // An excepted address counts where addresses make routes.
        if (lastReason !== 'address-exception' || this.#list.addresses) this.lostExceptions.add(name, line, text)
      },
    }
  }

  /** The matcher has no room for the rule. */
  #ruleRefused(refusal: string, kind: RuleKind, text: string, exception: boolean, line: number): void {
    this.#refuse(refusal, line, text)
    const isName = kind === RuleKind.suffix || kind === RuleKind.exact || kind === RuleKind.subdomains
    if (exception) this.lostExceptions.add(isName ? text : '', line, text)
  }

  #address(prefix: string, line: number): void {
    if (!this.#list.addresses) this.addressCount++
    else if (isTooWide(prefix, this.#list)) {
      if (this.#tooWide.length < MAX_SHOWN) this.#tooWide.push(prefix)
      this.#refuse('prefix-too-wide', line, prefix)
    } else if (this.#addresses.size < MAX_ADDRESSES) this.addressCount = this.#addresses.add(prefix).size
    else this.#refuse('too-many-addresses', line, prefix)
  }

  /** A v2fly list includes only files of one folder. */
  #includedBytes(folder: string, name: string, maxBytes: number): Uint8Array | undefined {
    if (!/^[\w!@.-]+$/.test(name) || name.startsWith('.')) return undefined
    const path = join(folder, name)
    // Take the signature before reading: a file written in between then counts as changed.
    this.included.set(path, signatureOfFile(path))
    try {
      const bytes = readFileSync(path)
      return bytes.length <= maxBytes ? bytes : undefined
    } catch {
      return undefined
    }
  }

  /** The parser understood the line, but its rule or address is not taken. */
  #refuse(reason: string, line: number, text: string): void {
    if (this.skips.add(reason, this.#file, line, text)) this.#lines.refused(reason)
  }
}
