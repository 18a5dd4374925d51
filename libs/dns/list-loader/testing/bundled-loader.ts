/** The loader as the apps have it (tools/bundle.mjs): in one file, its worker in another beside it, so that the worker is a worker. */
import { build } from 'esbuild'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as ListLoaderModule from '../src/index.ts'

export async function bundledLoader(folder: string): Promise<typeof ListLoaderModule> {
  const source = join(import.meta.dirname, '../src')
  await build({
    entryPoints: { main: join(source, 'index.ts'), 'list-worker': join(source, 'list-worker.ts') },
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['dnstap-bgp-source'],
  })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  return (await import(/* @vite-ignore */ pathToFileURL(join(folder, 'main.js')).href)) as typeof ListLoaderModule
}
