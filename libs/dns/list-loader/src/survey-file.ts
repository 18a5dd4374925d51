/**
 * Recognises the format of a file from all of its lines.
 *
 * The file is then read a second time, which costs no memory. If it is written to in between, the watcher starts another build.
 */
import { givenFormat, ListError, ListFault, ParserFormat, ListSurvey, needsSurvey, takesSites } from '@dnstap-bgp/domain-list'
import type { Survey } from '@dnstap-bgp/domain-list'
import { chunksOf } from './list-files.ts'

/** Throws ListError and SourceError. */
export async function surveyOf(
  file: string,
  { format, sites }: { readonly format: string; readonly sites: readonly string[] },
  maxBytes: number,
): Promise<Survey> {
  const given = formatOf(format)
  const survey = given !== 'auto' && !needsSurvey(given) ? givenFormat(given) : await recognised(file, given, maxBytes)
  const [site] = sites
  if (site !== undefined && !takesSites(survey.format))
    throw new ListError(ListFault.noSuchChoice, 0, `this is a ${survey.format} list, and not one of many: remove #${site}`)
  return survey
}

async function recognised(file: string, format: ParserFormat | 'auto', maxBytes: number): Promise<Survey> {
  const survey = new ListSurvey(format)
  for await (const chunk of chunksOf(file, maxBytes)) {
    survey.push(chunk)
    if (survey.isDecided) break
  }
  return survey.end()
}

/** The configuration knows the two kinds of Clash providers apart; the parser recognises them. */
function formatOf(format: string): ParserFormat | 'auto' {
  return (format.startsWith('clash') ? ParserFormat.clash : format) as ParserFormat | 'auto'
}
