import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { cycloneDx, describePackage, distinct, noticeOf, packageFoldersOf } from './bill-of-materials.mjs'

const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-bom-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function makePackage(name: string, manifest: object, files: Record<string, string> = {}): string {
  const path = join(folder, 'node_modules', name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name, version: '1.2.3', ...manifest }))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
  return path
}

test('a file belongs to the innermost package that it lies in', () => {
  expect(
    packageFoldersOf([
      'apps/cache/src/main.ts',
      'node_modules/express/lib/express.js',
      'node_modules/express/index.js',
      'node_modules/a/node_modules/@scope/b/x.js',
    ]),
  ).toEqual(['node_modules/a/node_modules/@scope/b', 'node_modules/express'])
})

test('the notice has the licence text of each package, and says so of one without a text', () => {
  const packages = distinct([
    describePackage(makePackage('with-text', { license: 'MIT' }, { LICENSE: 'Permission is granted.', NOTICE: 'By somebody.' })),
    describePackage(makePackage('@scope/bare', { license: { type: 'ISC' } })),
    describePackage(makePackage('with-text', { license: 'MIT' })),
  ])
  const notice = noticeOf(packages)
  expect(notice).toContain('with-text 1.2.3 (MIT)\n\nPermission is granted.\n\nBy somebody.')
  expect(notice).toContain('@scope/bare 1.2.3 (ISC)\n\nIt comes without a licence file; its package.json says ISC.')
  expect(packages).toHaveLength(2)
})

test('a package without a licence is not bundled in silence', () => {
  expect(() => describePackage(makePackage('unknown', {}))).toThrow('unknown 1.2.3 states no licence')
})

test('the list is CycloneDX 1.6: the program, and each package with version, licence and package URL; equal input, equal list', () => {
  const packages = [describePackage(makePackage('@scope/dual', { license: 'MIT OR Apache-2.0' }))]
  const list = cycloneDx('dnstap-bgp-cache', '2.0.0', packages)
  expect(list).toMatchObject({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', name: 'dnstap-bgp-cache', version: '2.0.0' } },
    components: [
      {
        type: 'library',
        name: '@scope/dual',
        version: '1.2.3',
        licenses: [{ expression: 'MIT OR Apache-2.0' }],
        purl: 'pkg:npm/%40scope/dual@1.2.3',
      },
    ],
    dependencies: [{ ref: 'dnstap-bgp-cache', dependsOn: ['pkg:npm/%40scope/dual@1.2.3'] }],
  })
  expect(list.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(cycloneDx('dnstap-bgp-cache', '2.0.0', packages)).toEqual(list)
})

test('LICENSE is the licence that package.json names, and images and packages get both', () => {
  const read = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')
  expect(JSON.parse(read('package.json'))).toMatchObject({ license: 'MIT' })
  expect(read('LICENSE')).toMatch(/^MIT License\n/)
  expect(read('Dockerfile')).toMatch(/^COPY LICENSE /m)
  expect(read('.dockerignore').split('\n')).toContain('!LICENSE')
})
