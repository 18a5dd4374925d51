/**
 * Lets a test do something before the next build begins. The test puts it in place of the loader's own:
 *
 *     vi.mock(import('./run-build.ts'), async (original) => (await import('../testing/next-build.ts')).stoppable(await original()))
 */
import type * as RunBuildModule from '../src/run-build.ts'

/** Called, and waited for, before the next build; once. */
export const nextBuild = { before: undefined as (() => Promise<void>) | undefined }

export function stoppable({ runBuild }: typeof RunBuildModule): Partial<typeof RunBuildModule> {
  return {
    async runBuild(job, cancel) {
      const { before } = nextBuild
      nextBuild.before = undefined
      await before?.()
      return runBuild(job, cancel)
    },
  }
}

export const workerDies = () => Promise.reject(new Error('the list worker ended with code 1'))
