/** An app, a store or a bus is one folder, a setting is one entry; this says what else each lacks before operators can use it. */
import { PROGRAM_NEEDS } from '@dnstap-bgp/config'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))
const read = (file: string) => readFileSync(root + file, 'utf8')
const namesIn = (folder: string) => (existsSync(root + folder) ? readdirSync(root + folder).sort() : [])

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly nx?: { readonly tags: readonly string[]; readonly targets?: Readonly<Record<string, unknown>> }
}
const manifestOf = (folder: string) => JSON.parse(read(`${folder}/package.json`)) as Manifest
const projectsIn = (folder: string) =>
  namesIn(folder)
    .map((name) => `${folder}/${name}`)
    .filter((project) => existsSync(`${root}${project}/package.json`))

/** The command is no program of its own: every image has it. */
const COMMAND = 'apps/cli'
/** Runs on one box: it has no manifest for Kubernetes. */
const ONE_BOX = 'apps/all-in-one'

const apps = projectsIn('apps')
const backends = namesIn('libs')
  .flatMap((group) => projectsIn(`libs/${group}`))
  .filter((folder) => manifestOf(folder).nx?.tags.includes('layer:backend'))

test('there are apps and backends', () => {
  expect(apps).toContain('apps/cache')
  expect(backends).toEqual(expect.arrayContaining(['libs/bus/bus-nats', 'libs/store/ip-store-file', 'libs/store/ip-store-redis']))
})

test.each(apps)('%s lacks nothing', (app) => {
  const name = basename(app)
  const isProgram = app !== COMMAND
  const wanted: Record<string, boolean> = {
    'README.md': existsSync(`${root}${app}/README.md`),
    'src/main.ts, its entry point': existsSync(`${root}${app}/src/main.ts`),
    'a target "build" in package.json, which bundles it': manifestOf(app).nx?.targets?.build !== undefined,
  }
  if (isProgram) {
    wanted['its needs in PROGRAM_NEEDS (libs/base/config)'] = name in PROGRAM_NEEDS
    wanted[`deploy/examples/${name}.toml`] = existsSync(`${root}deploy/examples/${name}.toml`)
    wanted['its image: the loop in the Dockerfile'] = new RegExp(`for app in [^;]*\\b${name}\\b`).test(read('Dockerfile'))
    wanted['a service in docker-compose.yml'] = read('docker-compose.yml').includes(`APP: ${name},`)
  }
  if (isProgram && app !== ONE_BOX) wanted[`k8s/base/${name}.yaml`] = existsSync(`${root}k8s/base/${name}.yaml`)
  expect(missingOf(wanted)).toEqual([])
})

test.each(backends)('%s lacks nothing', (backend) => {
  const { name } = manifestOf(backend)
  const tests = ['src', 'test'].flatMap((folder) =>
    namesIn(`${backend}/${folder}`)
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => read(`${backend}/${folder}/${file}`)),
  )
  const wanted = {
    'README.md': existsSync(`${root}${backend}/README.md`),
    'a test that runs the conformance suite of its port': tests.some((text) =>
      /\bimport .*Conformance\b.*\/conformance'/.test(text),
    ),
    'an app that opens it: a dependency in apps/*/package.json': apps.some((app) => name in (manifestOf(app).dependencies ?? {})),
  }
  expect(missingOf(wanted)).toEqual([])
})

/** `bgp-section.ts` -> the properties of its settings. */
const SETTING = /^ {4}(\w+): (?:setting|required|secret|ofSecretFile)\(/gm
const CONFIG = 'libs/base/config/src'
const sections = namesIn(CONFIG).filter((file) => file.endsWith('-section.ts'))

test.each(sections)('somebody uses each setting of %s', (section) => {
  const properties = [...read(`${CONFIG}/${section}`).matchAll(SETTING)].map(([, property]) => property)
  expect(properties).not.toEqual([])
  // A section that resolves a key itself uses it after its description: with a dot, or taken out of the values.
  const ownCode = read(`${CONFIG}/${section}`).split('\nexport function ')
  const code = [...ownCode.slice(1), ...usersOfTheConfiguration()].join('\n')
  expect(properties.filter((property) => !new RegExp(`\\b${property}\\b`).test(code))).toEqual([])
})

function usersOfTheConfiguration(): string[] {
  const files = ['apps', 'libs'].flatMap((top) =>
    readdirSync(root + top, { recursive: true, encoding: 'utf8' }).map((file) => `${top}/${file}`),
  )
  return files
    .filter(
      (file) =>
        file.endsWith('.ts') && !/(?:\.test|-section)\.ts$|\/(?:node_modules|dist|test|testing|bench|generated)\//.test(file),
    )
    .map(read)
}

function missingOf(wanted: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(wanted).filter((what) => !wanted[what])
}
