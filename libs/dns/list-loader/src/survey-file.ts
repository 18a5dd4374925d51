/**
 * What a file of a list is, from a first look over all of it: its format decides what its lines mean, so a part of the file does not decide it.
 *
 * The file is read twice, which costs no memory. One that is written in between is another version, which the watcher brings to a build of its own.
 */
import { givenFormat, ListError, ListFault, ListFormat, ListSurvey, needsSurvey, takesSites } from '@dnstap-bgp/domain-list'
import type { Survey } from '@dnstap-bgp/domain-list'
import { chunksOf } from './list-files.ts'

/** Throws ListError and SourceError. */
export async function surveyOf(
  file: string,
  { format, sites }: { readonly format: string; readonly sites: readonly string[] },
  maxBytes: number,
): Promise<Survey> {
  const given = formatOf(format)
  const survey = given !== 'auto' && !needsSurvey(given) ? givenFormat(given) : await lookedAt(file, given, maxBytes)
  const [site] = sites
  if (site !== undefined && !takesSites(survey.format))
    throw new ListError(ListFault.noSuchChoice, 0, `this is a ${survey.format} list, and not one of many: remove #${site}`)
  return survey
}

async function lookedAt(file: string, format: ListFormat | 'auto', maxBytes: number): Promise<Survey> {
  const survey = new ListSurvey(format)
  for await (const chunk of chunksOf(file, maxBytes)) {
    survey.push(chunk)
    if (survey.isDecided) break
  }
  return survey.end()
}

/** The configuration knows the two kinds of Clash providers apart; the parser recognises them. */
function formatOf(format: string): ListFormat | 'auto' {
  return (format.startsWith('clash') ? ListFormat.clash : format) as ListFormat | 'auto'
}
