// The order of the integration tests: files that take long come first, so that the end of a run does not wait for one of them.
import { basename } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Those that take more than half a minute, most of it in waiting, longest first. */
const SLOW = [
  'apps/cache/test/four-services',
  'apps/cache/test/facts-first',
  'libs/dns/dnstap-server/test/senders',
  'libs/bgp/bgp-speaker/test/',
  'apps/all-in-one/test/full-disk',
  'apps/cli/test/cli',
  'apps/dnstap-ingest/test/',
  'apps/all-in-one/test/bad-input',
  'apps/bgp-announcer/test/rolling-restart',
  'apps/sync-gateway/test/two-instances',
  'libs/store/ip-store-redis/test/faults',
  'tools/test/k8s',
]

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = SLOW.findIndex((part) => moduleId.includes(`/${part}`))
      return found < 0 ? SLOW.length : found
    }
    const byName = (a: TestSpecification, b: TestSpecification) => basename(a.moduleId).localeCompare(basename(b.moduleId))
    return files.toSorted((a, b) => rank(a) - rank(b) || byName(a, b))
  }
}
