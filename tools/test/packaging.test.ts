/** What goes into an image runs with nothing around it, and the manifests are what Kubernetes takes. The images themselves: tools/lab. */
import { Daemon, startProgram, waitFor } from '@dnstap-bgp/testkit'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SERVICES, units } from '../packages/units.mjs'

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
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-units-'))
    // `verify` wants to see the program.
    for (const [name, text] of units()) writeFileSync(join(folder, name), text.replace('/usr/bin/dnstap-bgp', process.execPath))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const analyze = (...args: string[]) => spawnSync('systemd-analyze', args, { encoding: 'utf8' })
  const instanceOf = (name: string) => join(folder, name.replace('@.', '@blue.'))

  test('the units are what systemd knows', () => {
    const { status, stderr } = analyze('verify', '--man=no', ...units().map(([name]) => instanceOf(name)))
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })

  test.each(units().flatMap(([name]) => (name.endsWith('.service') ? [name] : [])))('%s can do little harm', (name) => {
    const { status, stdout } = analyze('security', '--offline=true', '--threshold=30', instanceOf(name))
    expect(stdout).toMatch(/Overall exposure level/)
    expect(status).toBe(0)
  })

  test('a service runs its own program, and only BGP may open a port below 1024', () => {
    const texts = new Map(units())
    for (const service of SERVICES) {
      const text = texts.get(`dnstap-bgp-${service}.service`)
      expect(text).toContain(`ExecStart=/usr/bin/dnstap-bgp run --service ${service} --config \${CONFIG}\n`)
      expect(text?.includes('AmbientCapabilities=CAP_NET_BIND_SERVICE\n')).toBe(service === 'bgp-announcer')
    }
    expect(texts.get('dnstap-bgp@.service')).toContain('\nNetworkNamespacePath=/run/netns/%i\n')
  })

  test('the started process tells systemd when everything is open', async () => {
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

describe.each([
  { kind: 'deb', needs: 'dpkg-deb', unpack: (file: string, tree: string) => execFileSync('dpkg-deb', ['-x', file, tree]) },
  {
    kind: 'rpm',
    needs: 'rpmbuild',
    unpack: (file: string, tree: string) =>
      execFileSync('sh', ['-c', 'mkdir "$2" && rpm2cpio "$1" | (cd "$2" && cpio -idm --quiet)', 'sh', file, tree], {
        stdio: 'pipe',
      }),
  },
])('the package for $kind', ({ kind, needs, unpack }) => {
  const isMissing = spawnSync(needs, ['--version']).status !== 0
  let folder: string
  let tree: string
  let file: string
  let said: readonly string[]
  beforeAll(() => {
    if (isMissing) return
    folder = mkdtempSync(join(tmpdir(), `dnstap-bgp-${kind}-test-`))
    tree = join(folder, 'tree')
    const built = spawnSync(process.execPath, [join(root, `tools/packages/${kind}.mjs`), folder, '1'], { encoding: 'utf8' })
    if (built.status !== 0) throw new Error(built.stderr)
    said = built.stdout.trim().split('\n')
    file = said[0]
    unpack(file, tree)
  }, 300_000)
  afterAll(() => {
    if (!isMissing) rmSync(folder, { recursive: true, force: true })
  })
  const node = () => join(tree, 'usr/lib/dnstap-bgp/node')
  const cli = () => join(tree, 'usr/lib/dnstap-bgp/cli/main.js')

  test.skipIf(isMissing)('has the programs, the units and the documents', () => {
    expect(said[1]).toContain(`install ${file}`)
    for (const document of [
      'NOTICE',
      'LICENSE',
      'LICENSE.node',
      'SECURITY.md',
      'README.md',
      'docs/bgp.md',
      'docs/decisions/0005-stop-keeps-routes.md',
      'examples/all-in-one.toml',
    ])
      expect(existsSync(join(tree, 'usr/share/doc/dnstap-bgp', document)), document).toBe(true)
    for (const hook of [
      'unbound.py',
      'dnstap_bgp.lua',
      'kresd.lua',
      'recursor.lua',
      'dnsdist.lua',
      'bind/Makefile',
      'bind/dnstap_bgp.c',
    ])
      expect(existsSync(join(tree, 'usr/share/dnstap-bgp/resolvers', hook)), hook).toBe(true)
    expect(readdirSync(join(tree, 'usr/lib/systemd/system')).sort()).toEqual(
      units()
        .map(([name]) => name)
        .sort(),
    )
    const notice = readFileSync(join(tree, 'usr/share/doc/dnstap-bgp/NOTICE'), 'utf8')
    expect(notice).toMatch(/^express \d/m)
    expect(notice).toMatch(/^(@nats-io|nats)/m) // which the all-in-one does not have
  })

  test.skipIf(isMissing)('brings a Node in long-term support, which runs the command', () => {
    const lts = spawnSync(node(), ['-p', 'process.release.lts'], { encoding: 'utf8' }).stdout.trim()
    expect(lts).toMatch(/^[A-Z][a-z]+$/)
    expect(readFileSync(join(tree, 'usr/bin/dnstap-bgp'), 'utf8')).toContain('exec /usr/lib/dnstap-bgp/node ')
    const { stdout } = spawnSync(node(), [cli(), '--version'], { encoding: 'utf8', env: { PATH: '/nonexistent' } })
    expect(stdout).toMatch(/^dnstap-bgp \d/)
  })

  test.skipIf(isMissing).each(['', ...SERVICES.map((service) => `--service=${service}`)])(
    'finds the program of "run %s"',
    (option) => {
      const config = join(folder, 'nonsense.toml')
      writeFileSync(config, 'nonsense = 1\n')
      const { status, stderr } = spawnSync(node(), [cli(), 'run', ...(option === '' ? [] : [option]), '--config', config], {
        encoding: 'utf8',
      })
      expect(stderr).toMatch(/nonsense: unknown/) // by the program, which has read its configuration
      expect(status).toBe(2)
    },
  )

  test.skipIf(isMissing)('starts nothing by itself', () => {
    const scripts =
      kind === 'rpm'
        ? execFileSync('rpm', ['-qp', '--scripts', file], { encoding: 'utf8' })
        : execFileSync('dpkg-deb', ['-I', file, 'postinst'], { encoding: 'utf8' })
    expect(scripts).toContain('systemctl try-restart')
    expect(scripts).not.toMatch(/systemctl (start|enable)/)
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
