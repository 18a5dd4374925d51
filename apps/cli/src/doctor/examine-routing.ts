/** Sessions, lists, parts that are not well, versions, and room on the disk. */
import type { ADMIN_API, ReplyOf } from '@dnstap-bgp/admin-api'
import { advice, ok, problem, type Finding } from './finding.ts'

type Peers = ReplyOf<typeof ADMIN_API.peers>
type Lists = ReplyOf<typeof ADMIN_API.lists>
type Status = ReplyOf<typeof ADMIN_API.status>

export function examinePeers(peers: Peers): Finding[] {
  if (peers.length === 0)
    return [
      problem(
        'bgp',
        'No BGP peer is configured, so no router is told anything.',
        '[bgp]   # in our configuration',
        'peers = ["192.0.2.1"]',
      ),
    ]
  const down = peers.filter(({ state }) => state !== 'Established')
  return [
    ...(down.length < peers.length
      ? [ok('bgp', `${peers.length - down.length} of ${peers.length} sessions are established.`)]
      : []),
    ...down.map(({ name, state, since, lastError }) =>
      problem(
        'bgp',
        `There is no session with ${name} (${state} since ${since})${lastError === null ? '' : `: ${lastError}`}. It gets no routes.`,
      ),
    ),
    ...peers
      .filter(({ suppressed }) => suppressed > 0)
      .map(({ name, suppressed }) => problem('bgp', `${suppressed} routes for ${name} are suppressed by its maxRoutes.`)),
  ]
}

/** Networks of this machine say what its neighbours reach; other next hops need a route at the router. */
export function examineNextHop(nextHop: string, isReachedHere: boolean): Finding[] {
  if (isReachedHere) return [ok('next hop', `${nextHop} is in a network of this machine.`)]
  return [
    advice(
      'next hop',
      `${nextHop} is in no network of this machine. A router that has no route to it does not use our routes; that cannot be seen from here.`,
      `ip route get ${nextHop}   # on the router`,
    ),
  ]
}

export function examineLists(lists: Lists): Finding[] {
  const troubled = lists.filter(({ state }) => state !== 'fresh')
  const empty = lists.filter(({ state, names, addresses }) => state === 'fresh' && names + addresses === 0)
  if (troubled.length + empty.length === 0) return [ok('lists', `${lists.length} lists are fresh.`)]
  return [
    ...troubled.map(({ name, state, why }) =>
      problem(
        'lists',
        `List ${name} is ${state}${why === null ? '' : `: ${why}`}`,
        ...(state === 'refused' ? [`dnstap-bgp lists --accept ${name}   # if the new version is right`] : []),
      ),
    ),
    ...empty.map(({ name }) => problem('lists', `List ${name} is empty, so it routes nothing.`)),
  ]
}

export function examineParts({ parts, version }: Status, ownVersion: string): Finding[] {
  const ill = parts.filter(({ state }) => state === 'degraded' || state === 'failed')
  return [
    ...ill.map(({ name, state, why }) => problem('health', `${name} is ${state}: ${why}`)),
    ...(ill.length === 0 ? [ok('health', 'Every part is well.')] : []),
    ...(version === ownVersion
      ? []
      : [
          problem(
            'versions',
            `The program that runs is ${version}, this command is ${ownVersion}. Restart the program.`,
            'systemctl restart dnstap-bgp',
          ),
        ]),
  ]
}

const LITTLE_BYTES = 64 * 1024 * 1024
const LITTLE_SHARE = 0.02

/** Room on the file system of a folder that we write to. */
export function examineDisk(
  folder: string,
  room: { readonly freeBytes: number; readonly totalBytes: number } | undefined,
): Finding[] {
  if (room === undefined) return [problem('disk', `${folder} cannot be looked at.`)]
  const { freeBytes, totalBytes } = room
  const free = `${Math.floor(freeBytes / 1024 / 1024)} MB free`
  return freeBytes < Math.min(LITTLE_BYTES, LITTLE_SHARE * totalBytes)
    ? [problem('disk', `${folder}: ${free}. What cannot be written is lost with the next restart.`, `df -h ${folder}`)]
    : [ok('disk', `${folder}: ${free}.`)]
}
