// Lays out what one program needs to run: its bundle, the native packages that cannot be bundled, and a health check.
// Usage: node tools/runtime-packages.mjs APP FOLDER (after the build)
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const [app, out] = process.argv.slice(2)
const bundle = `dist/apps/${app}`
if (app === undefined || out === undefined || !existsSync(`${bundle}/main.js`)) {
  console.error(`Usage: runtime-packages.mjs APP FOLDER, after the build (${bundle}/main.js).`)
  process.exit(2)
}

mkdirSync(join(out, 'node_modules'), { recursive: true })
for (const file of readdirSync(bundle)) cpSync(join(bundle, file), join(out, file))
writeFileSync(join(out, 'package.json'), `${JSON.stringify({ name: `dnstap-bgp-${app}`, private: true, type: 'module' })}\n`)

const text = readdirSync(bundle)
  .filter((file) => file.endsWith('.js'))
  .map((file) => readFileSync(join(bundle, file), 'utf8'))
  .join('\n')
const copied = new Set()
for (const native of ['lmdb', 'koffi']) if (new RegExp(`["']${native}["']`).test(text)) copy(native, process.cwd())
console.log(`${app}: ${[...copied].join(', ') || 'no native package'}`)

writeFileSync(
  join(out, 'healthcheck.mjs'),
  `// Asks the admin server whether this program is alive.
import { get } from 'node:http'
const listen = process.env.DNSTAP_BGP_ADMIN_LISTEN ?? '127.0.0.1:8053'
const colon = listen.lastIndexOf(':')
const host = listen.slice(0, colon).replace(/^\\[|\\]$/g, '').replace(/^(0\\.0\\.0\\.0|::)?$/, '127.0.0.1')
get({ host, port: listen.slice(colon + 1), path: '/livez', timeout: 2000 }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))
`,
)

/** A package and what it depends on; optional ones (the binaries for other machines) only if they are installed. */
function copy(name, from) {
  if (copied.has(name)) return
  let folder
  try {
    folder = packageFolder(name, from)
  } catch {
    return // an optional package of another platform
  }
  copied.add(name)
  cpSync(folder, join(out, 'node_modules', name), { recursive: true, dereference: true })
  const json = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const dependency of Object.keys({ ...json.dependencies, ...json.optionalDependencies })) copy(dependency, folder)
}

function packageFolder(name, from) {
  const require = createRequire(join(from, 'package.json'))
  for (const base of require.resolve.paths(name) ?? []) {
    const folder = join(base, name)
    if (existsSync(join(folder, 'package.json'))) return folder
  }
  return dirname(require.resolve(`${name}/package.json`))
}
