// Lays out what one program needs to run: its bundle, the native packages it imports, a health check, and the command in cli/; LICENSE, the
// NOTICE of other people's packages, and sbom.cdx.json.
// Usage: node tools/runtime-packages.mjs APP FOLDER (after the build)
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundledIn, cycloneDx, describePackage, distinct, noticeOf } from './bill-of-materials.mjs'

/** Not bundled: they load binaries that lie beside them. Keep in step with `external` in bundle.mjs. */
const NATIVE = ['koffi']
/** What of a package is read at run time, and its licence. */
const NEEDED = /\.([cm]?js|json|node)$|(^|\/)(LICEN[CS]E[^/]*|NOTICE)$/i
/** Hidden folders of its authors, tests, tools of its build; binaries for another C library than this machine's. */
const NOT_NEEDED = /(^|\/)(\.|tests?\b|rollup\.config)|(^|\/)(vendor|dependencies|doc)\//
const OTHER_LIBC = process.report.getReport().header.glibcVersionRuntime === undefined ? /[._/]glibc[._/]|(^|\/)linux_/ : /musl/
/** Only to compile the others. */
const BUILD_ONLY = ['node-addon-api']

const root = fileURLToPath(new URL('..', import.meta.url))
const [app, folder] = process.argv.slice(2)
const bundle = join(root, 'dist/apps', app ?? '')
if (app === undefined || folder === undefined || !existsSync(join(bundle, 'main.js'))) {
  console.error(`Usage: runtime-packages.mjs APP FOLDER, after the build (dist/apps/${app ?? 'APP'}/main.js).`)
  process.exit(2)
}
const out = resolve(folder)

mkdirSync(out, { recursive: true })
cpSync(bundle, out, { recursive: true })
const cli = join(root, 'dist/apps/cli')
cpSync(cli, join(out, 'cli'), { recursive: true })
const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const manifest = { name: `dnstap-bgp-${app}`, version, license, private: true, type: 'module' }
writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest)}\n`)
cpSync(join(root, 'LICENSE'), join(out, 'LICENSE'))
cpSync(join(root, 'tools/healthcheck.mjs'), join(out, 'healthcheck.mjs'))

const code = [bundle, cli].flatMap((from) =>
  readdirSync(from)
    .filter((file) => file.endsWith('.js'))
    .map((file) => readFileSync(join(from, file), 'utf8')),
)
const copied = new Set()
for (const name of NATIVE) {
  const imported = new RegExp(`\\b(from|import|require)\\s*\\(?\\s*["']${name}["']`)
  if (code.some((text) => imported.test(text))) copy(name, root)
}
const natives = [...copied].map((name) => describePackage(join(out, 'node_modules', name)))
const packages = distinct([...bundledIn(bundle), ...bundledIn(cli), ...natives])
writeFileSync(join(out, 'NOTICE'), noticeOf(packages))
writeFileSync(join(out, 'sbom.cdx.json'), `${JSON.stringify(cycloneDx(manifest.name, version, packages), undefined, 1)}\n`)
for (const one of ['packages.json', 'cli/packages.json', 'cli/NOTICE']) rmSync(join(out, one), { force: true })
console.log(`${app}: ${[...copied].join(', ') || 'no native package'}`)

/** A package and what it depends on; optional ones (binaries for other machines) only if they are installed. */
function copy(name, from) {
  if (copied.has(name) || BUILD_ONLY.includes(name)) return
  const source = packageFolder(name, from)
  if (source === undefined) return
  copied.add(name)
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!NEEDED.test(file) || NOT_NEEDED.test(file) || OTHER_LIBC.test(file) || !statSync(join(source, file)).isFile()) continue
    mkdirSync(dirname(join(out, 'node_modules', name, file)), { recursive: true })
    cpSync(join(source, file), join(out, 'node_modules', name, file), { dereference: true })
  }
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) copy(dependency, source)
}

function packageFolder(name, from) {
  const bases = createRequire(join(from, 'package.json')).resolve.paths(name) ?? []
  return bases.map((base) => join(base, name)).find((path) => existsSync(join(path, 'package.json')))
}
