/** Every router by its kind; and whether this machine has it. */
import { startBird } from './bird.ts'
import { startExabgp } from './exabgp.ts'
import { FRR_BGPD, startFrr } from './frr.ts'
import { startGobgp } from './gobgp.ts'
import { OPENBGPD, startOpenbgpd } from './openbgpd.ts'
import { findProgram, type Router, type RouterKind, type RouterOptions } from './router.ts'

const PROGRAMS: Record<RouterKind, readonly string[]> = {
  bird: ['bird'],
  frr: [FRR_BGPD, 'vtysh'],
  gobgp: ['gobgpd', 'gobgp'],
  exabgp: ['exabgp'],
  openbgpd: ['bgpctl', OPENBGPD],
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
  frr: startFrr,
  gobgp: startGobgp,
  exabgp: startExabgp,
  openbgpd: startOpenbgpd,
}
