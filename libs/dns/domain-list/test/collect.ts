/** What tests need of a list: its bytes, and its rules as lines that read well in a failing assertion. */
import { readFileSync } from 'node:fs'
import { parseList, RuleKind, surveyList } from '../src/index.ts'
import type { ParserFormat, ListOptions, ListSummary, RuleSink } from '../src/index.ts'

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)))
}

const KIND_NAMES = Object.entries(RuleKind).map(([name]) => name)

export interface Collected {
  /** `3 suffix example.com`, `4 @@exact a.example $important`, `5 address 192.0.2.1/32`, `6 skip bad-character a b`. */
  readonly entries: string[]
  readonly summary: ListSummary
}

/** What `auto` takes the bytes for. */
export function detectFormat(bytes: Uint8Array): ParserFormat {
  return surveyList([bytes], 'auto').format
}

export function collect(
  chunks: readonly Uint8Array[],
  format: ParserFormat | 'auto',
  options: ListOptions = {},
  note?: RuleSink['note'],
): Collected {
  const entries: string[] = []
  const sink: RuleSink = {
    rule: (kind, pattern, exception, important, line) =>
      entries.push(`${line} ${exception ? '@@' : ''}${KIND_NAMES[kind]} ${pattern}${important ? ' $important' : ''}`),
    address: (prefix, line) => entries.push(`${line} address ${prefix}`),
    skip: (reason, line, text) => entries.push(`${line} skip ${reason} ${text}`),
  }
  if (note !== undefined) sink.note = note
  const summary = parseList(chunks, format, options, sink)
  return { entries, summary }
}

/** The same, without line numbers, of a list given as text. */
export function rulesOf(text: string, format: ParserFormat | 'auto', options: ListOptions = {}): string[] {
  return collect([utf8(text)], format, options).entries.map((entry) => entry.slice(entry.indexOf(' ') + 1))
}
