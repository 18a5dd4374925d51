// What other people's packages are in a bundle: their licences (NOTICE) and a list for scanners (CycloneDX 1.6, JSON).
// The bundler says which files it took, so the list is what is really in the program, and nothing that only builds or tests it.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The packages that these files (paths as in esbuild's metafile) are from: folder of each, sorted. */
export function packageFoldersOf(files) {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [])
  return [...new Set(folders)].sort()
}

/** Name, version, licence and the text of it, as the package itself has them. @throws when a package says no licence */
export function describePackage(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const spdx = typeof license === 'string' ? license : license?.type
  if (typeof spdx !== 'string') throw new Error(`${name} ${version} states no licence: look at it before it is shipped`)
  const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file) && !/\.[cm]?js$/.test(file))
  return { name, version, license: spdx, text: texts.map((file) => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n') }
}

/** Each package once, by name. */
export function distinct(packages) {
  const byKey = new Map(packages.map((one) => [`${one.name}@${one.version}`, one]))
  return [...byKey.values()].sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version))
}

export function noticeOf(packages) {
  const parts = packages.map(
    ({ name, version, license, text }) =>
      `${'-'.repeat(80)}\n${name} ${version} (${license})\n\n${text === '' ? `It comes without a licence file; its package.json says ${license}.` : text}\n`,
  )
  return `This program contains these packages of other people, each under its own licence.\n\n${parts.join('\n')}`
}

/** `name` is the program; what depends on what is left out: in one bundle all are together. */
export function cycloneDx(name, version, packages) {
  const components = packages.map((one) => ({
    type: 'library',
    'bom-ref': purlOf(one),
    name: one.name,
    version: one.version,
    licenses: /\s/.test(one.license) ? [{ expression: one.license }] : [{ license: { id: one.license } }],
    purl: purlOf(one),
  }))
  // By content: the same program has the same list, byte by byte.
  const digest = createHash('sha256')
    .update(JSON.stringify([name, version, components]))
    .digest('hex')
  const serial = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `5${digest.slice(13, 16)}`,
    `8${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ]
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${serial.join('-')}`,
    version: 1,
    metadata: {
      component: { type: 'application', 'bom-ref': name, name, version, licenses: [{ license: { id: 'MIT' } }] },
    },
    components,
    dependencies: [{ ref: name, dependsOn: components.map((one) => one['bom-ref']) }],
  }
}

function purlOf({ name, version }) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`
}

/** The packages in the bundle of an app: bundle.mjs wrote down which. */
export function bundledIn(bundleFolder) {
  const file = join(bundleFolder, 'packages.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
}
