/** `npm run sizing` prints the table of docs/scaling.md; `npm run sizing -- --measure` measures the units that it rests on. */
import { assumptionsText, SHORT_LIFETIME_SECONDS, sizingTable } from './table.ts'

if (process.argv.includes('--measure')) await import('./measure.ts')
else {
  console.log(`${assumptionsText()}\n\n${sizingTable()}\n`)
  console.log(`A lifetime of ${SHORT_LIFETIME_SECONDS / 60} minutes:\n\n${sizingTable(SHORT_LIFETIME_SECONDS)}`)
}
