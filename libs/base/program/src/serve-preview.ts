/** `POST /api/lists/preview`: what a reload would bring; for the programs that have the cache and its lists. */
import { ADMIN_API, type ListPreviewReply } from '@dnstap-bgp/admin-api'
import { keysThatNeedRestart, type ConfigWith, type Part } from '@dnstap-bgp/config'
import { resolve } from 'node:path'
import type { Program } from './run-program.ts'

/** The lists by the file as it is now, and what the cache would withdraw by them. */
export function servePreview<Needed extends Part, Coverage>(
  program: Program<Needed>,
  lists: {
    preview(config: ConfigWith<Needed>): Promise<Pick<ListPreviewReply, 'lists' | 'removed'> & { readonly coverage: Coverage }>
  },
  cache: { preview(coverage: Coverage, config: ConfigWith<Needed>): Promise<{ readonly routes: number }> },
): void {
  program.handlers.add(ADMIN_API.previewLists, async () => {
    const fresh = program.readConfig()
    const { coverage, ...shown } = await lists.preview(fresh)
    return {
      config: resolve(fresh.fileName),
      ...shown,
      routesGoing: (await cache.preview(coverage, fresh)).routes,
      needsRestart: keysThatNeedRestart(program.config, fresh),
    }
  })
}
