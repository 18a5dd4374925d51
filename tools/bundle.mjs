// Bundles one app into one file: dist/apps/NAME/main.js. Native packages stay outside and are resolved from node_modules.
import { build } from 'esbuild'
import { readFileSync, writeFileSync } from 'node:fs'
import { describePackage, distinct, noticeOf, packageFoldersOf } from './bill-of-materials.mjs'

const name = process.argv[2]
const version = JSON.parse(readFileSync('package.json', 'utf8')).version
const result = await build({
  entryPoints: { main: `apps/${name}/src/main.ts`, ...workersOf(name) },
  outdir: `dist/apps/${name}`,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  conditions: ['dnstap-bgp-source'],
  external: ['koffi'],
  define: { 'process.env.DNSTAP_BGP_VERSION': JSON.stringify(version) },
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  metafile: true,
})
const packages = distinct(packageFoldersOf(Object.keys(result.metafile.inputs)).map((folder) => describePackage(folder)))
writeFileSync(`dist/apps/${name}/packages.json`, JSON.stringify(packages))
writeFileSync(`dist/apps/${name}/NOTICE`, noticeOf(packages))
const bytes = Object.values(result.metafile.outputs).reduce((sum, output) => sum + output.bytes, 0)
console.log(`${name}: ${Object.keys(result.metafile.outputs).length} files, ${(bytes / 1e6).toFixed(1)} MB`)

/** Long work runs in worker threads. Each worker is an entry point beside main.js. */
function workersOf(app) {
  const buildsMatchers = ['all-in-one', 'dnstap-ingest', 'cache', 'cli'].includes(app)
  return buildsMatchers ? { 'list-worker': 'libs/dns/list-loader/src/list-worker.ts' } : {}
}
