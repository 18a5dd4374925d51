/** Answers of the admin API as a person reads them. */

/** Writes to standard output; `json`: as it came. */
export function print(what: string, answer: unknown, json: boolean): void {
  process.stdout.write(json ? `${JSON.stringify(answer, null, 2)}\n` : `${readable(what, answer)}\n`)
}

export function readable(what: string, answer: unknown): string {
  if (Array.isArray(answer)) return answer.length === 0 ? `No ${what}.` : table(answer.map((row) => flat(row as object)))
  if (typeof answer !== 'object' || answer === null) return String(answer)
  const parts = Object.entries(answer).map(([key, value]) => {
    if (Array.isArray(value)) {
      if (value.length === 0) return undefined
      return typeof value[0] === 'object'
        ? `\n${key}:\n${indent(table(value.map((row) => flat(row as object))))}`
        : `${key}: ${value.join(', ')}`
    }
    if (typeof value === 'object' && value !== null) return `\n${key}:\n${indent(readable(key, value))}`
    return `${key}: ${String(value)}`
  })
  return parts.filter((part) => part !== undefined).join('\n')
}

function flat(row: object): Record<string, string> {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, cell(value)]))
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '-'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(' > ')
  if (typeof value === 'object')
    return (
      Object.entries(value)
        .map(([key, one]) => `${key}=${cell(one)}`)
        .join(' ') || '-'
    )
  return String(value)
}

function table(rows: readonly Record<string, string>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => (row[column] ?? '-').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((text, i) => (i === cells.length - 1 ? text : text.padEnd(widths[i])))
      .join('  ')
      .trimEnd()
  return [
    line(columns.map((column) => column.toUpperCase())),
    ...rows.map((row) => line(columns.map((column) => row[column] ?? '-'))),
  ].join('\n')
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}
