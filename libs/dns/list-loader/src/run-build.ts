/**
 * Runs a build in a worker, so that the event loop does not wait for it.
 *
 * The bundle puts the worker beside main.js. TypeScript sources have no such file: then the build runs in this thread, as in tests.
 */
import { StoppedError } from '@dnstap-bgp/runtime'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { BuildJob, BuildResult } from './build-job.ts'

/** Ends the build when it is cancelled: the promise is then rejected with a StoppedError. */
export async function runBuild(job: BuildJob, cancel: AbortSignal): Promise<BuildResult> {
  const workerUrl = new URL('./list-worker.js', import.meta.url)
  if (!existsSync(fileURLToPath(workerUrl))) {
    const { buildLists } = await import('./build-lists.ts')
    return buildLists(job)
  }
  cancel.throwIfAborted()
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerUrl, { workerData: job, name: 'list-worker' })
    const terminate = () => void worker.terminate()
    cancel.addEventListener('abort', terminate, { once: true })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => {
      cancel.removeEventListener('abort', terminate)
      reject(cancel.aborted ? new StoppedError() : new Error(`the list worker ended with code ${code}`))
    })
  })
}
