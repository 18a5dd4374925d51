/** The worker's entry: one build, then it ends, and with it all the memory the build took. */
import { platform, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import type { BuildJob } from './build-job.ts'
import { buildLists } from './build-lists.ts'

const NICE = 5
const job = workerData as BuildJob

// After the start a build must not slow the event loop down. Linux has a nice value for each thread (0: the calling one); elsewhere the nice value is
// the whole process's.
if (job.previous !== undefined && platform() === 'linux') setPriority(0, NICE)

parentPort?.postMessage(await buildLists(job))
