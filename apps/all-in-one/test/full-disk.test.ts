/**
 * The disk of the bundled all-in-one is full: it goes on in memory, says so once, and everything is on disk when there is room again. A real
 * process on a real small file system; a limit on a file's size does not show what a full disk does.
 */
import {
  adminJson,
  askAdmin,
  type Daemon,
  dnsResponse,
  dnstapFrame,
  freePort,
  isInstalled,
  loopbackAddress,
  makeSmallDisk,
  type Router,
  type SmallDisk,
  type SmallDiskKind,
  smallDiskMissing,
  startBird,
  startProgram,
  waitFor,
} from '@dnstap-bgp/testkit'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { tell } from '../../bgp-announcer/test/frame-stream.ts'

const ROUNDS = Number(process.env['FULL_DISK_ROUNDS'] ?? 2)
const PATIENT = { timeoutMs: 60_000 }
const withoutTmpfs = smallDiskMissing('tmpfs')

const left: { remove(): unknown }[] = []
afterEach(async () => {
  for (const one of left.splice(0).reverse()) await one.remove()
})
function use<T extends { remove(): unknown }>(one: T): T {
  left.push(one)
  return one
}

interface Rows {
  readonly bindings: number
}
const admin = (program: Daemon) => join(program.folder, 'admin.sock')
const bindings = async (program: Daemon) => (await adminJson<Rows>(admin(program), '/api/cache')).bindings
const store = async (program: Daemon) => {
  const { text } = await askAdmin(admin(program), 'GET', '/readyz')
  const { components } = JSON.parse(text) as { components: { name: string; state: string; why: string }[] }
  return components.find(({ name }) => name === 'store')
}
const isStore = (program: Daemon, state: string) =>
  waitFor(async () => (await store(program))?.state === state, {
    ...PATIENT,
    what: () => `the store to be ${state}; the log:\n${program.log().slice(-3000)}`,
  })
const times = (text: string, part: string) => text.split(part).length - 1

/** A program whose store is on the disk. */
const startOn = (disk: SmallDisk, more = '') =>
  startProgram({
    app: 'all-in-one',
    config: (folder) => {
      writeFileSync(join(folder, 'domains.txt'), 'listed.example\n')
      writeFileSync(join(folder, 'brief.txt'), 'brief.example\n')
      return `
cache = "${disk.path}/cache"
domains = "domains.txt"
[dnstap]
listen = ["./tap.sock"]
[bgp]
as = 64512
routerID = "192.0.2.1"
${more === '' ? 'peers = []' : more}
[admin]
listen = "./admin.sock"
`
    },
  })

/** So many new addresses of ours, each with a name of some length. */
function tellNew(program: Daemon, first: number, count: number): Promise<void> {
  const frames = Array.from({ length: count }, (_, at) => {
    const number = first + at
    const qname = `${'n'.repeat(40)}${number}.listed.example`
    const value = `20.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
    return dnstapFrame({ response: dnsResponse({ qname, answers: [{ owner: qname, type: 'A', value }] }) })
  })
  return tell(join(program.folder, 'tap.sock'), frames)
}

describe.skipIf(withoutTmpfs !== '')(`a disk that is full${withoutTmpfs === '' ? '' : ` (${withoutTmpfs})`}`, () => {
  test(
    'while the store writes: it goes on in memory, and everything is on disk when there is room again',
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const kind: SmallDiskKind = round % 2 === 1 && smallDiskMissing('ext4') === '' ? 'ext4' : 'tmpfs'
        const disk = use(makeSmallDisk(kind, 8 * 2 ** 20))
        const program = use(await startOn(disk))
        // The store itself fills the rest of the disk: each round the fault comes at another octet.
        disk.fill(150_000 + round * 37_777)
        let told = 0
        await waitFor(
          async () => {
            await tellNew(program, told, 500)
            told += 500
            return (await store(program))?.state === 'degraded'
          },
          { ...PATIENT, what: () => `the disk to be full; the log:\n${program.log().slice(-3000)}` },
        )
        expect((await store(program))?.why).toMatch(/cannot be written: its disk is full/)
        await tellNew(program, told, 500)
        told += 500
        await waitFor(async () => (await bindings(program)) === told, { ...PATIENT, what: 'all to be learnt' })
        disk.makeRoom()
        await isStore(program, 'ok')
        await waitFor(() => times(program.log(), 'The store is written again.') === 1, { ...PATIENT, what: 'the log to say so' })
        expect(times(program.log(), 'would not survive a restart')).toBe(1)
        await program.kill()
        await program.restart()
        expect(await bindings(program)).toBe(told)
        expect(await program.stop()).toBe(0)
        await program.remove()
        disk.remove()
      }
    },
    ROUNDS * 120_000,
  )

  test('at the first start: it works without a lock, a store or copies of lists', async () => {
    const disk = use(makeSmallDisk('tmpfs', 2 * 2 ** 20))
    disk.fill()
    const program = use(await startOn(disk))
    await isStore(program, 'degraded')
    await tellNew(program, 0, 10)
    await waitFor(async () => (await bindings(program)) === 10, { ...PATIENT, what: 'them to be learnt' })
    disk.makeRoom()
    await isStore(program, 'ok')
    await program.kill()
    await program.restart()
    expect(await bindings(program)).toBe(10)
  }, 120_000)

  test('at a later start, and at the end: earlier bindings are there, and it stops in order', async () => {
    const disk = use(makeSmallDisk('tmpfs', 2 * 2 ** 20))
    const program = use(await startOn(disk))
    await tellNew(program, 0, 10)
    await waitFor(async () => (await bindings(program)) === 10, { ...PATIENT, what: 'them to be learnt' })
    expect(await program.stop()).toBe(0)
    disk.fill()
    await program.restart()
    expect(await bindings(program)).toBe(10)
    await tellNew(program, 10, 10)
    await waitFor(async () => (await bindings(program)) === 20, { ...PATIENT, what: 'more to be learnt' })
    await isStore(program, 'degraded')
    expect(await program.stop()).toBe(0)
    expect(program.log()).toMatch(/closing the store without what was not written/)
  }, 120_000)

  test('during a backup: the command says so, and the last backup is as it was', async () => {
    const disk = use(makeSmallDisk('tmpfs', 2 * 2 ** 20))
    const program = use(await startOn(disk))
    await tellNew(program, 0, 1_000)
    await waitFor(async () => (await bindings(program)) === 1_000, { ...PATIENT, what: 'them to be learnt' })
    expect((await askAdmin(admin(program), 'POST', '/api/backup')).status).toBe(200)
    const backup = join(disk.path, 'cache.backup')
    const before = readFileSync(backup)
    disk.fill(50_000)
    const { status, text } = await askAdmin(admin(program), 'POST', '/api/backup')
    expect(status).toBe(503)
    expect(text).toMatch(/backup .* cannot be written: its disk is full.* last backup.* as it was/)
    expect(readFileSync(backup).equals(before)).toBe(true)
    expect(existsSync(`${backup}-part`)).toBe(false)
  }, 120_000)

  const withoutBird = isInstalled('bird') ? '' : ' (not installed: bird)'
  test.skipIf(withoutBird !== '')(
    `keeps no route from coming and going${withoutBird}`,
    async () => {
      const disk = use(makeSmallDisk('tmpfs', 2 * 2 ** 20))
      const address = loopbackAddress()
      const us = loopbackAddress()
      const options = { address, port: await freePort(address), asn: 64512, peerAddress: us, peerAsn: 64512 }
      const bird: Router = use(await startBird({ ...options, families: ['ipv4'] }))
      const peers = `sourceIP = "${us}"\nnextHop = "192.0.2.9"\npeers = ["${address}:${options.port}"]\n[[list]]\nname = "brief"\nsource = "brief.txt"\nttl = "5s"`
      const program = use(await startOn(disk, peers))
      await bird.waitForSession('Established')
      disk.fill()
      await tellNew(program, 1, 100)
      await isStore(program, 'degraded')
      const has = async (prefix: string) => (await bird.routes()).some((route) => route.prefix === prefix)
      await waitFor(() => has('20.0.0.1/32'), { ...PATIENT, what: 'what was learnt in memory to be announced' })
      const brief = { owner: 'brief.example', type: 'A', value: '20.1.0.1' } as const
      const tap = join(program.folder, 'tap.sock')
      await tell(tap, [dnstapFrame({ response: dnsResponse({ qname: 'brief.example', answers: [brief] }) })])
      await waitFor(() => has('20.1.0.1/32'), { ...PATIENT, what: 'a brief route to be announced' })
      await waitFor(async () => !(await has('20.1.0.1/32')), { ...PATIENT, what: 'it to be withdrawn when it ends' })
      expect(await has('20.0.0.1/32')).toBe(true)
      expect((await store(program))?.state).toBe('degraded')
    },
    120_000,
  )
})
