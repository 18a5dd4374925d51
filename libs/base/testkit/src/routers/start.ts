/** Every router by its kind; and whether this machine has it. */
import { startBird } from './bird.ts'
import { findProgram, type Router, type RouterKind, type RouterOptions } from './router.ts'

const PROGRAMS: Record<RouterKind, readonly string[]> = {
  bird: ['bird'],
  frr: ['/usr/lib/frr/bgpd', 'vtysh'],
  gobgp: ['gobgpd', 'gobgp'],
  exabgp: ['exabgp', 'python3'],
  openbgpd: ['bgpctl', '/usr/sbin/bgpd'],
}

/** Is the router (or a plain program, by its name) on this machine? Tests that need it skip otherwise. */
export function isInstalled(name: RouterKind | (string & {})): boolean {
  const programs = PROGRAMS[name as RouterKind] ?? [name]
  return programs.every((program) => findProgram(program) !== undefined)
}

export function startRouter(kind: RouterKind, options: RouterOptions): Promise<Router> {
  return STARTERS[kind](options)
}

const STARTERS: Record<RouterKind, (options: RouterOptions) => Promise<Router>> = {
  bird: startBird,
  frr: startBird,
  gobgp: startBird,
  exabgp: startBird,
  openbgpd: startBird,
}
