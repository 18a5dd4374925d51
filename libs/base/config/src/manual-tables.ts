/** The tables of docs/configuration.md: a row for each setting, made from the descriptions of the sections. */
import type { SectionDescription } from './setting.ts'
import { namedSettings } from './setting.ts'

const HEADING = /^#+ (?:\[+([a-z.]+)\]+|Top of the file)$/
const isRow = (line: string) => line.startsWith('|')

/** The page with the table under each heading (`## [bgp]`) made anew. Everything else stays. */
export function withTables(page: string, sections: readonly SectionDescription[]): string {
  const lines: string[] = []
  let due: SectionDescription | undefined
  const found = new Set<string>()
  for (const line of page.split('\n')) {
    const heading = HEADING.exec(line)
    if (heading !== null) {
      const title = heading[1] ?? ''
      due = sections.find((section) => section.title === title)
      if (due === undefined) throw new Error(`The page has a heading for [${title}], which is no section`)
      found.add(title)
    }
    if (due !== undefined && isRow(line)) {
      lines.push(...tableOf(due))
      due = undefined
    } else if (!isRow(line) || found.size === 0) lines.push(line)
  }
  const missing = sections.filter(({ title }) => !found.has(title))
  if (missing.length > 0) throw new Error(`The page has no heading for ${missing.map(({ title }) => `[${title}]`).join(', ')}`)
  return lines.join('\n')
}

function tableOf(section: SectionDescription): readonly string[] {
  const rows = namedSettings(section).flatMap(({ key, setting: { written, takesEffect, meaning, isSecret } }) => {
    const when = takesEffect ?? section.takesEffect
    const shown = written === '' ? '' : `\`${written}\``
    const row = [`\`${key}\``, shown, when, isSecret ? `${meaning} Secret.`.trim() : meaning]
    return isSecret ? [row, [`\`${key}File\``, '', when, 'File with it.']] : [row]
  })
  const widths = [0, 1, 2].map((column) => Math.max(...[HEAD, ...rows].map((row) => row[column].length)))
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width)).concat('-------')), ...rows.map(line)]
}

const HEAD = ['key', 'default', 'change', 'meaning']
