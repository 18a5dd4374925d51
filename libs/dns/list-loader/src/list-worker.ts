/** The worker's entry: one build, then it ends, and with it all the memory the build took. */
import { parentPort, workerData } from 'node:worker_threads'
import type { BuildJob } from './build-job.ts'
import { buildLists } from './build-lists.ts'

parentPort?.postMessage(await buildLists(workerData as BuildJob))
