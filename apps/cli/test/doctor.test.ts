/** `dnstap-bgp doctor` at a real installation with real faults. */
import {
  type Authority,
  type Daemon,
  freePort,
  isInstalled,
  type Resolver,
  runToEnd,
  startAuthority,
  startBind,
  startProgram,
  startUnbound,
  waitFor,
} from '@dnstap-bgp/testkit'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

interface Answer {
  readonly well: boolean
  readonly findings: readonly {
    readonly kind: string
    readonly about: string
    readonly says: string
    readonly paste: readonly string[]
  }[]
}

const missing = ['knotd', 'dig', 'unbound', 'named'].filter((program) => !isInstalled(program))

describe.skipIf(missing.length > 0)(`doctor (not installed: ${missing.join(', ') || 'nothing'})`, () => {
  let authority: Authority
  let program: Daemon
  let resolver: Resolver | undefined
  let nobody: number

  const config = (lines = '') => `
domains = "domains.txt"
[dnstap]
listen = "./dnstap.sock"
${lines}
[bgp]
as = 64512
routerID = "192.0.2.1"
sourceIP = "127.0.0.1"
nextHop = "192.0.2.9"
peers = ["127.0.0.1:${nobody}"]
[admin]
listen = "./admin.sock"
`
  const write = (lines = '') => writeFileSync(join(program.folder, 'dnstap-bgp.toml'), config(lines))
  const examine = async (): Promise<{ code: number | null; answer: Answer }> => {
    const { code, output } = await runToEnd('cli', ['doctor', '--json', '--config', join(program.folder, 'dnstap-bgp.toml')])
    return { code, answer: JSON.parse(output) as Answer }
  }
  const problems = ({ findings }: Answer) =>
    findings.filter(({ kind }) => kind === 'problem').map(({ says, paste }) => [says, ...paste].join('\n'))
  const replace = async (start: () => Promise<Resolver>) => {
    await resolver?.remove()
    resolver = await start()
    return resolver
  }
  const common = () => ({ dnstap: join(program.folder, 'dnstap.sock'), authority, zones: ['steer.test'] })

  beforeAll(async () => {
    nobody = await freePort('127.0.0.1')
    authority = await startAuthority({ 'steer.test': 'www A 198.51.100.1' })
    program = await startProgram({
      app: 'all-in-one',
      config(folder) {
        writeFileSync(join(folder, 'domains.txt'), 'steer.test\n')
        return config()
      },
    })
  })

  afterAll(async () => {
    await resolver?.remove()
    await authority?.remove()
    await program?.remove()
  })

  test('no resolver, and no session: exit code 1, and a sentence for each', async () => {
    const { code, answer } = await examine()
    expect(code).toBe(1)
    expect(answer.well).toBe(false)
    expect(problems(answer).join('\n')).toMatch(/may not write to .*dnstap\.sock|No resolver is connected/)
    expect(problems(answer).join('\n')).toMatch(/There is no session with 127\.0\.0\.1:\d+/)
    const { output } = await runToEnd('cli', ['doctor', '--config', join(program.folder, 'dnstap-bgp.toml')])
    expect(output).toContain('PROBLEM  bgp: There is no session')
    expect(output).toContain('well     lists: 1 lists are fresh.')
  })

  test('Unbound that does not report its answers: the line to paste', async () => {
    const { lookup } = await replace(() =>
      startUnbound({
        ...common(),
        clauses: 'dnstap:\n  dnstap-log-client-response-messages: no\n  dnstap-log-resolver-response-messages: no\n',
      }),
    )
    await lookup('www.steer.test')
    await waitFor(
      async () => problems((await examine()).answer).some((text) => text.includes('dnstap-log-client-response-messages: yes')),
      {
        timeoutMs: 30_000,
        what: 'the finding',
      },
    )
  })

  test('BIND as it comes: its delay, and the options that shorten it', { timeout: 120_000 }, async () => {
    const { address, port } = await replace(() => startBind(common()))
    write(`[[resolver]]\naddress = "${address}:${port}"\nkind = "bind"`)
    const { answer } = await examine()
    const delay = answer.findings.find(({ about }) => about === 'delay')
    expect(delay).toMatchObject({ kind: 'advice', says: expect.stringMatching(/takes \d+ ms until we have it/) as string })
  })

  test('an instance that is not there: exit code 1, and why', async () => {
    await program.stop()
    const { code, output } = await runToEnd('cli', ['doctor', '--config', join(program.folder, 'dnstap-bgp.toml')])
    expect(code).toBe(1)
    expect(output).toContain('admin.sock')
  })
})
