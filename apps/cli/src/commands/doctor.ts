/**
 * Looks at a running installation as its user would, and says what to do: do resolvers report, how long does an answer take, are lists, sessions, disk and
 * clocks well? Exit code 0: nothing is wrong; 1: something is, or the instance cannot be asked.
 *
 * It runs on the machine of the instance, by its configuration. Of four services it asks the one at `--admin`, and says what others must be asked.
 */
import { ADMIN_API, type AdminEndpoint, type ReplyOf } from '@dnstap-bgp/admin-api'
import { AdminClientError, type AdminClient } from '@dnstap-bgp/admin-client'
import { loadConfig, type Config } from '@dnstap-bgp/config'
import { statfs } from 'node:fs/promises'
import { BlockList, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import { defineCommand } from '../command.ts'
import { examineDisk, examineLists, examineNextHop, examineParts, examinePeers } from '../doctor/examine-routing.ts'
import { examineSenders } from '../doctor/examine-senders.ts'
import { examineSockets } from '../doctor/examine-sockets.ts'
import { advice, problem, type Finding } from '../doctor/finding.ts'
import { judgeDelays } from '../doctor/judge-delays.ts'
import { measureDelays } from '../doctor/measure-delays.ts'
import { configOf, INSTANCE } from '../options.ts'
import { say, sayJson } from '../output.ts'
import { runningInstance } from '../running-instance.ts'

const LOOKUPS = 5
const MARKS = { ok: 'well   ', advice: 'advice ', problem: 'PROBLEM' } as const

export const doctor = defineCommand({
  name: 'doctor',
  help: [
    { form: '', does: ['what is wrong with a running installation, and the lines that', 'mend it; exit code 1: something is'] },
  ],
  options: INSTANCE,
  subjects: 'none',
  async run(values) {
    const config = loadConfig(configOf(values), process.env)
    const findings = await examine(config, runningInstance(values))
    if (values.json === true) sayJson({ well: !findings.some(isProblem), findings })
    else for (const finding of findings) show(finding)
    return findings.some(isProblem) ? 1 : 0
  },
})

const isProblem = ({ kind }: Finding) => kind === 'problem'

function show({ kind, about, says, paste }: Finding): void {
  say(`${MARKS[kind]}  ${about}: ${says}`)
  for (const line of paste) say(`             ${line}`)
}

async function examine(config: Config, instance: AdminClient): Promise<Finding[]> {
  const findings: Finding[] = []
  /** Asks, and hands the reply on; another program's endpoint is left out with a word. */
  const ask = async <E extends AdminEndpoint>(
    endpoint: E,
    look: (reply: ReplyOf<E>) => readonly Finding[] | Promise<readonly Finding[]>,
  ) => {
    try {
      findings.push(...(await look(await instance.call(endpoint))))
    } catch (error) {
      if (!(error instanceof AdminClientError) || error.status !== NOT_SERVED) throw error
      findings.push(advice('doctor', `${error.message} Ask it as well: dnstap-bgp doctor --admin WHERE.`))
    }
  }
  await ask(ADMIN_API.status, (status) => examineParts(status, process.env['DNSTAP_BGP_VERSION'] ?? 'development'))
  await ask(ADMIN_API.lists, examineLists)
  await ask(ADMIN_API.senders, async (senders) => {
    const { listen = [], types = [] } = config.dnstap ?? {}
    const paths = listen.flatMap((one) => (one.kind === 'unix' ? [one.path] : []))
    const isSilent = !senders.connections.some(({ state }) => state === 'streaming')
    return [
      ...examineSockets(paths, isSilent),
      ...examineSenders(senders, types),
      ...(isSilent ? [] : await delays(config, instance)),
    ]
  })
  await ask(ADMIN_API.peers, (peers) => [...examinePeers(peers), ...nextHop(config)])
  for (const folder of folders(config)) findings.push(...examineDisk(folder, await roomOf(folder)))
  return findings
}

/** No such path at this program. */
const NOT_SERVED = 404

/** Only resolvers that the configuration names can be asked. */
async function delays({ resolvers }: Config, instance: AdminClient): Promise<Finding[]> {
  if (resolvers.length === 0)
    return [
      advice(
        'delay',
        'Name the resolver, and doctor measures how long its answers take.',
        '[[resolver]]   # in our configuration',
        'address = "127.0.0.1:53"',
        'kind = "unbound"   # bind, knot-resolver, pdns-recursor, dnsdist',
      ),
    ]
  const frames = async () => (await instance.call(ADMIN_API.senders)).connections.reduce((sum, one) => sum + one.frames, 0)
  const findings: Finding[] = []
  for (const { name, address, port } of resolvers) {
    const measured = await measureDelays({ address, port, lookups: LOOKUPS, frames })
    findings.push(
      measured === undefined
        ? problem('delay', `${name} does not answer DNS questions from this host.`)
        : judgeDelays(name, measured),
    )
  }
  return findings
}

function nextHop({ bgp }: Config): Finding[] {
  if (bgp === undefined) return []
  const here = new BlockList()
  for (const { address, family, cidr } of Object.values(networkInterfaces()).flatMap((one) => one ?? []))
    here.addSubnet(address, Number(cidr?.split('/')[1] ?? 128), family === 'IPv6' ? 'ipv6' : 'ipv4')
  const hops = [bgp.nextHopIpv4, ...(bgp.nextHopIpv6 === undefined ? [] : [bgp.nextHopIpv6])]
  return hops.flatMap((hop) => examineNextHop(hop, here.check(hop, isIPv6(hop) ? 'ipv6' : 'ipv4')))
}

/** Those that we write to. */
function folders({ store, listState, bgp }: Config): string[] {
  const state = bgp?.stateFile === undefined ? [] : [dirname(bgp.stateFile)]
  return [...new Set([...(store.kind === 'file' ? [store.path] : []), ...(listState === undefined ? [] : [listState]), ...state])]
}

async function roomOf(folder: string): Promise<{ freeBytes: number; totalBytes: number } | undefined> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch {
    return undefined
  }
}
