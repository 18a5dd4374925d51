/** Starts one of our bundles as a process, with its own folder, configuration and log. */
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Daemon } from './daemon.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

export interface OurProgramOptions {
  /** Name of the app: its bundle is dist/apps/NAME/main.js. */
  readonly app: string
  /** The configuration, made anew at each start; `folder` is the process's own. */
  readonly config: (folder: string) => string
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Default: its log has "NAME runs." */
  readonly ready?: (daemon: Daemon) => boolean | Promise<boolean>
  /** Default 20 s. */
  readonly startTimeoutMs?: number
}

/** The bundle of an app. Throws when it was not built. */
export function bundleOf(app: string): string {
  const path = join(ROOT, 'dist', 'apps', app, 'main.js')
  if (!existsSync(path)) throw new Error(`${path} is not there: run "npm run build" first`)
  return path
}

/** Starts it and waits until it says that it runs. */
export function startProgram(options: OurProgramOptions): Promise<Daemon> {
  const bundle = bundleOf(options.app)
  let seen = 0
  return Daemon.start({
    name: options.app,
    ...(options.startTimeoutMs === undefined ? {} : { startTimeoutMs: options.startTimeoutMs }),
    prepare(folder) {
      const path = join(folder, 'dnstap-bgp.toml')
      writeFileSync(path, options.config(folder))
      return {
        command: process.execPath,
        args: ['--enable-source-maps', bundle, '--config', path, ...(options.args ?? [])],
        ...(options.env === undefined ? {} : { env: options.env }),
      }
    },
    ready:
      options.ready ??
      ((daemon) => {
        // After a restart the log still has the lines of the last run.
        const starts = daemon.log().split(`${options.app} runs.`).length - 1
        if (starts <= seen) return false
        seen = starts
        return true
      }),
  })
}

export interface EndedProgram {
  readonly code: number | null
  /** Standard output and error together. */
  readonly output: string
}

/** Runs the bundle of an app until it ends, and returns its output and exit code. */
export function runToEnd(
  app: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<EndedProgram> {
  const child = spawn(process.execPath, [bundleOf(app), ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  const patience = setTimeout(() => child.kill('SIGKILL'), 20_000)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(patience)
      resolve({ code, output })
    })
  })
}
