/**
 * How much work a number of clients makes, and how many processes carry it: the measured units, put on a model of what people look up.
 *
 * Names are as popular as Zipf says. A binding (name, address) that the clients of all resolvers look up `rate` times a second:
 *
 *     is live                    with the chance  1 - e^(-rate × lifetime)       somebody asked within the lifetime
 *     is new again               rate × e^(-rate × lifetime) times a second      asked for the first time after that
 *     is passed on by an ingest  1 / (silence + 1/rate there) times a second the coalescer stops what comes sooner
 */
import { UNITS } from './units.ts'

export interface Assumptions {
  /** In the busy hour, of one client. */
  readonly queriesPerSecond: number
  /** Of all answers. */
  readonly listedShare: number
  readonly listedNames: number
  readonly zipf: number
  readonly addressesPerName: number
  readonly addressesPerAnswer: number
  readonly lifetimeSeconds: number
  readonly resolverFramesPerSecond: number
  /** That a resolver writes at once. */
  readonly framesPerWrite: number
  readonly peers: number
  /** No process is planned to use more of a core than this. */
  readonly utilisation: number
}

export const ASSUMPTIONS: Assumptions = {
  queriesPerSecond: 0.05,
  listedShare: 0.05,
  listedNames: 100_000,
  zipf: 0.9,
  addressesPerName: 5,
  addressesPerAnswer: 2,
  lifetimeSeconds: 86_400,
  resolverFramesPerSecond: 20_000,
  framesPerWrite: 10,
  peers: 2,
  utilisation: 0.5,
}

/** libs/services/dnstap-ingest/README.md: ingest passes on again what would live longer by an eighth of its lifetime, or after ten minutes. */
const silenceSeconds = (lifetimeSeconds: number) => Math.min(600, Math.max(1, lifetimeSeconds / 8))

export interface Load {
  readonly clients: number
  readonly framesPerSecond: number
  readonly resolvers: number
  readonly liveBindings: number
  readonly newPerSecond: number
  /** Facts that all ingests pass on, new ones among them. */
  readonly factsPerSecond: number
}

export function loadOf(clients: number, assumed: Assumptions): Load {
  const framesPerSecond = clients * assumed.queriesPerSecond
  const resolvers = Math.max(1, Math.ceil(framesPerSecond / assumed.resolverFramesPerSecond))
  const sightings = framesPerSecond * assumed.listedShare * assumed.addressesPerAnswer
  let weights = 0
  for (let rank = 1; rank <= assumed.listedNames; rank++) weights += rank ** -assumed.zipf
  let live = 0
  let fresh = 0
  let facts = 0
  for (let rank = 1; rank <= assumed.listedNames; rank++) {
    const rate = (sightings * rank ** -assumed.zipf) / weights / assumed.addressesPerName
    const gone = Math.exp(-rate * assumed.lifetimeSeconds)
    live += (1 - gone) * assumed.addressesPerName
    fresh += rate * gone * assumed.addressesPerName
    facts += (resolvers * assumed.addressesPerName) / (silenceSeconds(assumed.lifetimeSeconds) + resolvers / rate)
  }
  return { clients, framesPerSecond, resolvers, liveBindings: live, newPerSecond: fresh, factsPerSecond: facts }
}

/** All figures are of one site. */
export interface Plan extends Load {
  /** Independent stores, each with its own share of the resolvers; sync gateways join them. */
  readonly sites: number
  readonly shape: 'all-in-one' | 'services'
  readonly caches: number
  /** Share of one core, by service; of ingest and cache, of one of them. */
  readonly cores: Readonly<Record<'all-in-one' | 'ingest' | 'cache' | 'announcer' | 'nats' | 'redis', number>>
  readonly megabytes: Readonly<Record<'all-in-one' | 'announcer' | 'redis', number>>
  /** Whose share of a core is the largest, and how many times the clients would take all of it. */
  readonly first: string
  readonly room: number
}

/** As many sites as it takes that no process needs more than the planned share of a core. */
export function planOf(clients: number, assumed: Assumptions = ASSUMPTIONS): Plan {
  for (let sites = 1; ; sites++) {
    const plan = sitePlan(clients, sites, assumed)
    if (plan.room * assumed.utilisation >= 1) return plan
    if (sites === MOST_SITES) throw new RangeError(`${clients} clients do not fit into ${MOST_SITES} sites`)
  }
}

const MOST_SITES = 100

function sitePlan(clients: number, sites: number, assumed: Assumptions): Plan {
  const load = { ...loadOf(clients / sites, assumed), clients }
  const services = perServiceOf(load, assumed)
  const alone = aloneOf(load, assumed)
  const shape = load.resolvers === 1 && alone <= assumed.utilisation ? 'all-in-one' : 'services'
  const caches = shape === 'all-in-one' ? 0 : Math.max(2, Math.ceil(services.cache / assumed.utilisation))
  const cores = { ...services, cache: caches === 0 ? 0 : services.cache / caches, 'all-in-one': alone }
  const single = shape === 'all-in-one' ? ['all-in-one' as const] : (['ingest', 'announcer', 'nats', 'redis'] as const)
  const [first] = [...single].sort((a, b) => cores[b] - cores[a])
  const { octets } = UNITS
  const megabytes = {
    'all-in-one': (octets.allInOne + load.liveBindings * octets.allInOneBinding) / 1e6,
    announcer: (octets.announcer + load.liveBindings * (octets.announcerRoute + assumed.peers * octets.routeAndPeer)) / 1e6,
    redis: (load.liveBindings * octets.redisBinding) / 1e6,
  }
  return { ...load, sites, shape, caches, cores, megabytes, first, room: 1 / cores[first] }
}

/** Each ingest gets its part of frames and facts; cache is the work of all replicas. */
function perServiceOf(load: Load, assumed: Assumptions) {
  const { services } = UNITS
  const known = load.factsPerSecond - load.newPerSecond
  const listed = load.framesPerSecond * assumed.listedShare
  const of = (service: 'cache' | 'announcer' | 'nats' | 'redis') =>
    services.restPerSecond[service] / 1e6 +
    (load.newPerSecond * (services.fresh[service] + services.expired[service]) + known * services.known[service]) / 1e6
  const ingest =
    (load.framesPerSecond - listed) * services.frame +
    (load.framesPerSecond / assumed.framesPerWrite) * services.wakeUp +
    listed * services.repeat +
    load.newPerSecond * services.fresh.ingest +
    known * services.known.ingest
  return {
    ingest: (ingest / load.resolvers + services.restPerSecond.ingest) / 1e6,
    cache: of('cache'),
    announcer: of('announcer') * (1 + (assumed.peers - 1) / 2),
    nats: of('nats'),
    redis: of('redis'),
  }
}

function aloneOf(load: Load, assumed: Assumptions): number {
  const { allInOne } = UNITS
  const known = load.factsPerSecond - load.newPerSecond
  const listed = load.framesPerSecond * assumed.listedShare
  const us =
    (load.framesPerSecond - listed) * allInOne.frame +
    (load.framesPerSecond / assumed.framesPerWrite) * allInOne.wakeUp +
    listed * allInOne.repeat +
    load.newPerSecond * (allInOne.fresh + allInOne.expired) +
    known * allInOne.known
  return (us + allInOne.restPerSecond) / 1e6
}
