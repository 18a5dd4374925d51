/** What goes into an image runs with nothing around it, and the manifests are what Kubernetes takes. The images themselves: tools/lab. */
import { Daemon, startProgram, waitFor } from '@dnstap-bgp/testkit'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

describe('the files of an image', () => {
  let folder: string
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-packaging-'))))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function layOut(app: string): string {
    const out = join(folder, app)
    if (!existsSync(out)) execFileSync(process.execPath, [join(root, 'tools/runtime-packages.mjs'), app, out], { stdio: 'pipe' })
    return out
  }

  test.each([
    ['all-in-one', ['@koromix', 'koffi']],
    ['bgp-announcer', ['@koromix', 'koffi']],
    ['dnstap-ingest', []],
    ['cache', []],
    ['sync-gateway', []],
  ])('%s brings the native packages that it imports, and no other', (app, expected) => {
    const packages = join(layOut(app), 'node_modules')
    const there = existsSync(packages) ? readdirSync(packages) : []
    expect(there.filter((name) => /koffi|koromix/.test(name)).sort()).toEqual(expected)
  })

  test('what packages bring for their own build, tests and editors, or for another C library, stays behind', () => {
    const packages = join(layOut('all-in-one'), 'node_modules')
    const files = readdirSync(packages, { recursive: true, encoding: 'utf8', withFileTypes: true })
    const paths = files.map((file) => join(file.parentPath, file.name).slice(packages.length))
    const superfluous =
      /\/\.|\/tests?\b|\.d\.c?ts$|\.(c|cc|cpp|h|hh|inc|gyp|md|def|png)$|vendor|dependencies|node-addon-api|rollup/
    expect(paths.filter((path) => superfluous.test(path))).toEqual([])
    expect(files.filter((file) => file.isDirectory() && readdirSync(join(file.parentPath, file.name)).length === 0)).toEqual([])
    const binaries = paths.filter((path) => path.endsWith('.node'))
    expect(new Set(binaries.map((path) => path.includes('musl'))).size).toBe(1)
    const loads = `import koffi from 'koffi'; koffi.types`
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', loads], { cwd: packages, encoding: 'utf8' })
    expect(stderr).toBe('')
  })

  test.each(['all-in-one', 'sync-gateway'])('%s has its licence, those of all that is bundled, and a list of it', (app) => {
    const out = layOut(app)
    const read = (file: string) => readFileSync(join(out, file), 'utf8')
    expect(read('LICENSE')).toMatch(/^MIT License/)
    const { components } = JSON.parse(read('sbom.cdx.json')) as { components: { name: string; version: string; purl: string }[] }
    const names = components.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['express', 'protobufjs', 'pino', 'prom-client', 'ip-num']))
    expect(names.includes('koffi')).toBe(app === 'all-in-one')
    // What only builds or tests is in no program.
    expect(names.filter((name) => /^(vitest|esbuild|typescript|eslint|nx|prettier)$/.test(name))).toEqual([])
    for (const { name, version } of components) expect(read('NOTICE')).toContain(`\n${name} ${version} (`)
    expect(existsSync(join(out, 'packages.json'))).toBe(false)
  })

  test('the command is in every image, and asks the program beside it by the environment they share', async () => {
    const cli = join(layOut('sync-gateway'), 'cli', 'main.js')
    const run = (args: string[], env: NodeJS.ProcessEnv = {}) =>
      spawnSync(process.execPath, [cli, ...args], { cwd: folder, env: { ...process.env, ...env }, encoding: 'utf8' })
    expect(run(['--version']).stdout).toMatch(/^dnstap-bgp \d/)
    const config = join(folder, 'empty.toml')
    writeFileSync(config, '')
    const { status, stderr } = run(['status', '--config', config], { DNSTAP_BGP_ADMIN_LISTEN: join(folder, 'nobody.sock') })
    expect(stderr).toMatch(/Nothing answers at .*nobody\.sock/)
    expect(status).toBe(1)
  })

  test('the all-in-one starts outside the checkout, keeps a file, and its health check tells alive from dead', async () => {
    const program = layOut('all-in-one')
    const daemon = await Daemon.start({
      name: 'packaged',
      prepare(place) {
        writeFileSync(join(place, 'domains.txt'), 'example.org\n')
        const config = join(place, 'dnstap-bgp.toml')
        writeFileSync(
          config,
          'domains = "domains.txt"\ncache = "routes"\n[dnstap]\nlisten = "./tap.sock"\n[bgp]\nas = 64512\nrouterID = "192.0.2.1"\npeers = []\n',
        )
        const env = { DNSTAP_BGP_ADMIN_LISTEN: join(place, 'admin.sock') }
        return { command: process.execPath, args: [join(program, 'main.js'), '--config', config], env }
      },
      ready: (one) => one.log().includes('all-in-one runs.'),
    })
    const health = () =>
      spawnSync(process.execPath, [join(program, 'healthcheck.mjs')], {
        env: { ...process.env, DNSTAP_BGP_ADMIN_LISTEN: join(daemon.folder, 'admin.sock') },
      }).status
    try {
      expect(daemon.log()).not.toMatch(/forgotten at the end|memory only/)
      expect(readdirSync(daemon.folder).filter((name) => name.startsWith('routes'))).not.toEqual([])
      expect(health()).toBe(0)
      expect(await daemon.stop()).toBe(0)
      expect(health()).toBe(1)
    } finally {
      await daemon.remove()
    }
  })
})

describe.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)('deploy/systemd', () => {
  test('the units are what systemd knows, and leave the service little to do harm with', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-units-'))
    try {
      const units = ['dnstap-bgp.service', 'dnstap-bgp.socket'].map((name) => {
        const text = readFileSync(join(root, 'deploy/systemd', name), 'utf8')
        writeFileSync(join(folder, name), text.replace('/usr/bin/dnstap-bgp', process.execPath)) // which verify wants to see
        return join(folder, name)
      })
      const analyze = (...args: string[]) => spawnSync('systemd-analyze', args, { encoding: 'utf8' })
      const { status, stderr } = analyze('verify', '--man=no', ...units)
      expect(stderr).toBe('')
      expect(status).toBe(0)
      expect(analyze('security', '--offline=true', '--threshold=30', units[0]).status).toBe(0)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('systemd is told when everything is open, by the process it started', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'dnstap-bgp-notify-'))
    const said = join(bin, 'said')
    writeFileSync(join(bin, 'systemd-notify'), `#!/bin/sh\necho "$@" > ${said}\n`, { mode: 0o755 })
    const daemon = await startProgram({
      app: 'all-in-one',
      config: (place) => {
        writeFileSync(join(place, 'domains.txt'), 'example.org\n')
        return 'domains = "domains.txt"\n[dnstap]\nlisten = "./tap.sock"\n[bgp]\nas = 64512\nrouterID = "192.0.2.1"\npeers = []\n[admin]\nlisten = "off"\n'
      },
      env: { NOTIFY_SOCKET: join(bin, 'socket'), PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    })
    try {
      await waitFor(() => existsSync(said) && readFileSync(said, 'utf8') === `--ready --pid=${daemon.pid}\n`)
    } finally {
      await daemon.remove()
      rmSync(bin, { recursive: true, force: true })
    }
  })
})

describe.skipIf(spawnSync('dpkg-deb', ['--version']).status !== 0)('the Debian package', () => {
  test('installs the command, which runs the all-in-one beside it, and starts nothing by itself', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-deb-test-'))
    try {
      const built = spawnSync(process.execPath, [join(root, 'tools/packages/deb.mjs'), folder], { encoding: 'utf8' })
      expect(built.stderr).toBe('')
      const [file, next] = built.stdout.trim().split('\n')
      expect(next).toContain(`apt install ${file}`)
      const tree = join(folder, 'tree')
      execFileSync('dpkg-deb', ['-x', file, tree])
      const documents = readdirSync(join(tree, 'usr/share/doc/dnstap-bgp'), { recursive: true })
      for (const document of [
        'copyright',
        'NOTICE',
        'SECURITY.md',
        'README.md',
        'docs/bgp.md',
        'docs/decisions/0005-stop-keeps-routes.md',
      ])
        expect(documents).toContain(document)
      expect(readdirSync(join(tree, 'usr/lib/systemd/system'))).toEqual(['dnstap-bgp.service', 'dnstap-bgp.socket'])
      const config = join(tree, 'etc/dnstap-bgp/dnstap-bgp.toml')
      writeFileSync(config, `${readFileSync(config, 'utf8')}\nnonsense = 1\n`)
      const cli = join(tree, 'usr/lib/dnstap-bgp/cli/main.js')
      const { status, stderr } = spawnSync(process.execPath, [cli, 'run', '--config', config], { encoding: 'utf8' })
      expect(stderr).toMatch(/nonsense: unknown/) // the all-in-one was found and read its configuration
      expect(status).toBe(2)
      const scripts = join(folder, 'scripts')
      execFileSync('dpkg-deb', ['-e', file, scripts])
      expect(readFileSync(join(scripts, 'postinst'), 'utf8')).not.toMatch(/systemctl (start|enable)/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

const withoutTypes = !existsSync(join(root, 'node_modules/kubernetes-models')) && 'the package kubernetes-models'
const withoutKubectl = spawnSync('kubectl', ['kustomize', '--help']).status !== 0 && 'kubectl'
const missing = [withoutTypes, withoutKubectl].filter((name) => name !== false)

describe.skipIf(missing.length > 0)(`k8s/${missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''}`, () => {
  test('every object of every overlay has the fields and types that Kubernetes knows, and names only what is there', () => {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools/k8s-check.mjs')], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })
})
