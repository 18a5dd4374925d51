// Lays out what one program needs to run: its bundle, the native packages it imports, a health check, and the command in cli/.
// Usage: node tools/runtime-packages.mjs APP FOLDER (after the build)
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Not bundled: they load binaries that lie beside them. Keep in step with `external` in bundle.mjs. */
const NATIVE = ['lmdb', 'koffi']
/** Sources of the binaries, and maps: nothing at run time reads them. */
const DEAD_WEIGHT = /\.(c|cc|cpp|h|hh|hpp|S|asm|gyp|map|md)$/

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
console.log(`${app}: ${[...copied].join(', ') || 'no native package'}`)

/** A package and what it depends on; optional ones (binaries for other machines) only if they are installed. */
function copy(name, from) {
  if (copied.has(name)) return
  const source = packageFolder(name, from)
  if (source === undefined) return
  copied.add(name)
  const filter = (path) => !DEAD_WEIGHT.test(path)
  cpSync(source, join(out, 'node_modules', name), { recursive: true, dereference: true, filter })
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) copy(dependency, source)
}

function packageFolder(name, from) {
  const bases = createRequire(join(from, 'package.json')).resolve.paths(name) ?? []
  return bases.map((base) => join(base, name)).find((path) => existsSync(join(path, 'package.json')))
}
