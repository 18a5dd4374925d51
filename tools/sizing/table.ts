/** The sizing table of docs/scaling.md, as Markdown. */
import { ASSUMPTIONS, planOf, type Assumptions, type Plan } from './simulate.ts'

/** Homes, offices, providers: how many clients each row is for. */
const CLIENTS = [100, 10_000, 100_000, 1_000_000, 3_000_000, 10_000_000]

const HEAD = [
  'clients',
  'sites',
  'frames/s',
  'live routes',
  'facts/s (new)',
  'shape',
  'core of ingest each',
  'caches, core each',
  'announcer',
  'NATS',
  'Redis',
  'memory MB',
  'first limit, at',
]

/** For the lifetime of the assumptions, or another one. */
export function sizingTable(lifetimeSeconds = ASSUMPTIONS.lifetimeSeconds): string {
  const assumed: Assumptions = { ...ASSUMPTIONS, lifetimeSeconds }
  const rows = CLIENTS.map((clients) => cellsOf(planOf(clients, assumed)))
  const widths = HEAD.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function cellsOf(plan: Plan): string[] {
  const alone = plan.shape === 'all-in-one'
  const { cores, megabytes } = plan
  const ofServices = (text: string) => (alone ? '–' : text)
  return [
    count(plan.clients),
    count(plan.sites),
    count(plan.framesPerSecond),
    count(plan.liveBindings),
    `${count(plan.factsPerSecond)} (${count(plan.newPerSecond)})`,
    alone ? `all-in-one, ${percent(cores['all-in-one'])}` : `services, ${plan.resolvers} ingests`,
    ofServices(percent(cores.ingest)),
    ofServices(`${plan.caches} × ${percent(cores.cache)}`),
    ofServices(percent(cores.announcer)),
    ofServices(percent(cores.nats)),
    ofServices(percent(cores.redis)),
    alone ? count(megabytes['all-in-one']) : `Redis ${count(megabytes.redis)}, announcer ${count(megabytes.announcer)}`,
    `${plan.first}, ${count(plan.room)} ×`,
  ]
}

/** A TTL of five minutes and the default grace, on lists with `ttl = "dns"`. */
export const SHORT_LIFETIME_SECONDS = 360

/** Two digits that mean something; more would be invented. */
function count(value: number): string {
  if (value < 10) return value < 0.05 ? '0' : String(Number(value.toPrecision(1)))
  return Math.round(Number(value.toPrecision(2))).toLocaleString('en-US')
}

const percent = (share: number) => (share < 0.01 ? '< 1 %' : `${Math.round(share * 100)} %`)

export function assumptionsText(): string {
  const assumed = ASSUMPTIONS
  return [
    `- A client asks ${assumed.queriesPerSecond} questions a second in the busy hour; all answers are reported.`,
    `- ${assumed.listedShare * 100} % of the answers have a listed name, with ${assumed.addressesPerAnswer} of its ${assumed.addressesPerName} addresses.`,
    `- ${count(assumed.listedNames)} listed names are asked for, as popular as Zipf's law says (exponent ${assumed.zipf}).`,
    `- Routes stay ${assumed.lifetimeSeconds / 3600} hours after the last lookup. A resolver answers up to ${count(assumed.resolverFramesPerSecond)} questions a second and has an ingest beside it.\n- It writes ${assumed.framesPerWrite} frames at once.`,
    `- An announcer has ${assumed.peers} peers. No process is planned to use more than ${assumed.utilisation * 100} % of a core.`,
  ].join('\n')
}
