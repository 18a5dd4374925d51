/** The hook for BIND (deploy/resolvers/bind), built here as an operator builds it, in a real named. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInstalled, startBind } from '@dnstap-bgp/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hookSuite } from './suite.ts'

const sources = fileURLToPath(new URL('../../../../deploy/resolvers/bind', import.meta.url))
const missing = [
  ...['named', 'named-checkconf', 'knotd', 'gcc', 'make'].filter((program) => !isInstalled(program)),
  ...(existsSync('/usr/include/ns/hooks.h') ? [] : ['bind9-dev']),
]
const suffix = missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : ''

let folder: string
const plugin = () => join(folder, 'dnstap_bgp.so')

beforeAll(() => {
  if (missing.length > 0) return
  folder = mkdtempSync(join(tmpdir(), 'dnstap-bgp-bind-'))
  cpSync(sources, folder, { recursive: true })
  execFileSync('make', ['-C', folder, '-B', 'CFLAGS=-O2 -Werror'], { stdio: 'pipe' })
})

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

hookSuite('BIND with dnstap_bgp.so', { missing }, ({ socket, identity, ...others }) =>
  startBind({
    ...others,
    lines: `plugin query "${plugin()}" { socket "${socket}"; identity "${identity}"; };`,
  }),
)

describe.skipIf(missing.length > 0)(`the settings of dnstap_bgp.so${suffix}`, () => {
  const check = (settings: string) => {
    const file = join(folder, 'named.conf')
    writeFileSync(file, `plugin query "${plugin()}" { ${settings} };\n`)
    try {
      execFileSync('named-checkconf', [file], { stdio: 'pipe' })
      return 'sound'
    } catch (error) {
      return String((error as { stdout: Buffer; stderr: Buffer }).stdout) + String((error as { stderr: Buffer }).stderr)
    }
  }

  test.each([
    ['socket "/run/a.sock"; identity "bind-1";', 'sound'],
    ['socket "/run/a.sock";', 'sound'],
    ['identity "bind-1";', 'the setting socket "PATH"; is missing'],
    ['socket "a.sock";', 'socket: expected an absolute path of at most 107 octets'],
    [`socket "/${'a'.repeat(107)}";`, 'socket: expected an absolute path of at most 107 octets'],
    ['socket /run/a.sock;', 'expected socket "PATH"; and identity "NAME";'],
    ['socket "/run/a.sock"; colour "red";', 'expected the settings socket and identity and no others'],
    [`socket "/run/a.sock"; identity "${'a'.repeat(256)}";`, 'each value of 1 to 255 octets'],
  ])('%s', (settings, expected) => {
    expect(check(settings)).toContain(expected)
  })
})
