/** What ingest counts, for metrics and for people. */
export interface IngestCounters {
  frames: number
  ownFrames: number
  otherTypes: number
  noResponse: number
  unmatched: number
  matched: number
  withoutAddress: number
  repeats: number
  tooOld: number
  ipv6Off: number
  resolverAddress: number
  offChainRecords: number
  otherClassRecords: number
  malformedRecords: number
  excessRecords: number
  truncated: number
  loopedChains: number
  linksJoined: number
  readonly dnstapFaults: Record<string, number>
  readonly responseFaults: Record<string, number>
}

export function newIngestCounters(): IngestCounters {
  return {
    frames: 0,
    ownFrames: 0,
    otherTypes: 0,
    noResponse: 0,
    unmatched: 0,
    matched: 0,
    withoutAddress: 0,
    repeats: 0,
    tooOld: 0,
    ipv6Off: 0,
    resolverAddress: 0,
    offChainRecords: 0,
    otherClassRecords: 0,
    malformedRecords: 0,
    excessRecords: 0,
    truncated: 0,
    loopedChains: 0,
    linksJoined: 0,
    dnstapFaults: {},
    responseFaults: {},
  }
}
