export { Ingest } from './ingest.ts'
export type { FrameSource, IngestConfig, IngestDeps, NameMatcher } from './ingest.ts'
export { startDnstapIngest } from './start-ingest.ts'
export type { DnstapIngestConfig, MatcherSource, RunningIngest, StartIngestDeps } from './start-ingest.ts'
