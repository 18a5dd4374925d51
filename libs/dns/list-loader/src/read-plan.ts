/** From which source a build reads a list: the file, the download, the kept copy, the version in use, or none. */
import type { Matcher } from '@dnstap-bgp/domain-matcher'
import type { JobList } from './build-job.ts'
import { isLoaded, type ListState } from './list-definition.ts'

export interface ReadPlan {
  readonly from: 'path' | 'fetched' | 'copy' | 'previous' | 'nothing'
  readonly path: string
  readonly state: ListState
  readonly why: string | undefined
}

export function firstPlan(list: JobList, previous: Matcher | undefined): ReadPlan {
  const { source } = list
  switch (source.kind) {
    case 'path':
      return { from: 'path', path: list.path ?? '', state: 'fresh', why: undefined }
    case 'fetched':
      return { from: 'fetched', path: source.path, state: 'fresh', why: undefined }
    case 'keep':
      return { from: 'previous', path: '', state: source.state, why: source.why }
    case 'last':
      return lastGood(list, previous, source)
  }
}

/** The plan for a list that this plan's source was refused for. */
export function planAfterRefusal(
  list: JobList,
  previous: Matcher | undefined,
  refused: ReadPlan | undefined,
  why: string,
): ReadPlan {
  return lastGood(list, previous, { state: 'refused', why, otherwise: 'failed' }, refused?.from !== 'copy')
}

interface LastGoodReason {
  readonly state: 'cached' | 'refused'
  readonly why: string
  /** The state when there is no last good version. */
  readonly otherwise: 'failed' | 'waiting'
}

/** The version in use, or the copy. When there are both: the one that was read with the settings of this job. */
function lastGood(
  list: JobList,
  previous: Matcher | undefined,
  { state, why, otherwise }: LastGoodReason,
  isCopyGood = true,
): ReadPlan {
  const isInUse =
    list.status !== undefined && isLoaded(list.status) && previous?.lists.some(({ name }) => name === list.name) === true
  const copy = isCopyGood ? list.copy : undefined
  if (copy !== undefined && (list.isOther || !isInUse)) return { from: 'copy', path: copy, state, why }
  if (isInUse) return { from: 'previous', path: '', state, why }
  return { from: 'nothing', path: '', state: otherwise, why }
}
