// Fails when an import crosses a layer the wrong way, reaches into another lib past its index, or is not declared in package.json, and
// when package.json declares what nothing imports.
// The arrows: app -> service, backend, driver; service -> driver -> domain -> protocol; backend -> driver, domain, protocol.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const MAY_IMPORT = {
  app: ['service', 'backend', 'driver', 'domain', 'protocol'],
  service: ['driver', 'domain', 'protocol'],
  backend: ['driver', 'domain', 'protocol'],
  driver: ['driver', 'domain', 'protocol'],
  domain: ['domain', 'protocol'],
  protocol: ['protocol'],
  test: ['driver', 'domain', 'protocol', 'backend', 'service'],
}

/**
 * @param {{ name: string, dir: string, layer: string, dependencies: string[], exports: string[] }[]} projects
 * @param {{ file: string, text: string, isTest: boolean }[]} sources
 * @returns {string[]} one sentence for each import that must not be
 */
export function wrongImports(projects, sources) {
  const byName = new Map(projects.map((project) => [project.name, project]))
  const faults = []
  for (const { file, text, isTest } of sources) {
    const owner = projects.find((project) => file.startsWith(`${project.dir}/`))
    if (owner === undefined) continue
    for (const [, specifier] of text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)'([^']+)'/g)) {
      if (specifier.startsWith('.')) {
        const target = relative('.', resolve(dirname(file), specifier))
        if (!target.startsWith(`${owner.dir}/`) && !isTest)
          faults.push(`${file}: '${specifier}' leaves ${owner.dir}; import the other lib by its name`)
        continue
      }
      if (!specifier.startsWith('@dnstap-bgp/')) continue
      // Only tests may import what a lib exports beside its index (a conformance suite).
      if (isTest && projects.some((project) => project.exports.includes(specifier))) continue
      const target = byName.get(specifier)
      if (target === undefined) faults.push(`${file}: '${specifier}' is no lib's name; a lib is imported by its index alone`)
      else if (!isTest) {
        if (!owner.dependencies.includes(specifier))
          faults.push(`${file}: '${specifier}' is not among the dependencies in ${owner.dir}/package.json`)
        if (!MAY_IMPORT[owner.layer].includes(target.layer))
          faults.push(`${file}: ${owner.layer} ${owner.name} imports ${target.layer} ${specifier}`)
      }
    }
  }
  return faults
}

/** What only generated code imports. */
const USED_BY_GENERATED_CODE = ['protobufjs']

/**
 * @param {{ name: string, dir: string, dependencies: string[] }[]} projects
 * @param {{ file: string, text: string, isTest: boolean }[]} sources
 * @returns {string[]} one sentence for each dependency that no shipped file imports
 */
export function unusedDependencies(projects, sources) {
  return projects.flatMap(({ dir, dependencies }) => {
    const shipped = sources.filter(({ file, isTest }) => !isTest && file.startsWith(`${dir}/`)).map(({ text }) => text)
    const isImported = (name) => shipped.some((text) => text.includes(`'${name}'`) || text.includes(`'${name}/`))
    return dependencies
      .filter((name) => !isImported(name) && !USED_BY_GENERATED_CODE.includes(name))
      .map((name) => `${dir}/package.json: nothing that is shipped imports ${name}: remove it`)
  })
}

export function readWorkspace() {
  const files = ['apps', 'libs'].flatMap((top) =>
    readdirSync(top, { recursive: true, encoding: 'utf8' }).map((file) => join(top, file)),
  )
  const wanted = files.filter((file) => !/(^|\/)(node_modules|dist|generated)\//.test(file))
  const projects = wanted
    .filter((file) => file.endsWith('/package.json') && !file.includes('/fixtures/'))
    .map((file) => {
      const json = JSON.parse(readFileSync(file, 'utf8'))
      const layer = json.nx?.tags?.find((tag) => tag.startsWith('layer:'))?.slice('layer:'.length)
      if (MAY_IMPORT[layer] === undefined) throw new Error(`${file}: no layer tag, or an unknown one: ${layer}`)
      const exports = Object.keys(json.exports ?? {}).map((path) => json.name + path.slice('.'.length))
      return { name: json.name, dir: dirname(file), layer, dependencies: Object.keys(json.dependencies ?? {}), exports }
    })
  const sources = wanted
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file, text: readFileSync(file, 'utf8'), isTest: /\.test\.ts$|\/test\/|\/testing\/|\/bench\//.test(file) }))
  return { projects, sources }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { projects, sources } = readWorkspace()
  const faults = [...wrongImports(projects, sources), ...unusedDependencies(projects, sources)]
  for (const fault of faults) console.error(fault)
  console.log(`boundaries: ${sources.length} files of ${projects.length} projects, ${faults.length} faults`)
  process.exitCode = faults.length > 0 ? 1 : 0
}
