/** The worker's entry: one build, then it ends, and with it all the memory the build took. */
import { platform, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import type { BuildJob } from './build-job.ts'
import { buildLists } from './build-lists.ts'

const NICE = 5
const job = workerData as BuildJob

// While routes are being made, the build must not take turns with the event loop as its equal. Linux has a nice value for each thread, and 0
// means the calling one; elsewhere it would be the whole process.
if (job.previous !== undefined && platform() === 'linux') setPriority(0, NICE)

parentPort?.postMessage(await buildLists(job))
