/** Makes a fault happen for a time, and repairs it afterwards. */
import { STEP_SEEN_MS } from '@dnstap-bgp/testkit'
import { setTimeout as pause } from 'node:timers/promises'
import { BOUNDS } from './bounds.ts'
import { looksLate } from './effects.ts'
import type { Fault } from './faults.ts'
import { type Fleet, partOf, removeStore } from './fleet.ts'
import type { Part } from './part.ts'
import { deleteConsumers, flushRedis, redisRole, wipeStreams } from './server-commands.ts'

/** Called at the moment when the fault takes effect: when the process is gone, or stands still. */
export type TookEffect = () => void

export interface Deeds {
  /** Writes another version of the list, and says what became of which name. */
  edit(fault: Extract<Fault, { kind: 'edit' }>): void
}

/** Resolves when all that was taken away runs again. */
export async function perform(fault: Fault, fleet: Fleet, deeds: Deeds, effective: TookEffect): Promise<void> {
  switch (fault.kind) {
    case 'kill':
    case 'stop':
    case 'freeze':
      return signal(partOf(fleet, fault.target), fault, effective)
    case 'edit':
      effective()
      deeds.edit(fault)
      if (fault.hup) for (const part of fleet.parts) if (part.kind === 'product' && !part.down) part.hup()
      return
    case 'full-disk':
      effective()
      fleet.disk?.fill()
      await pause(fault.lengthMs)
      fleet.disk?.makeRoom()
      return
    case 'store-gone': {
      const part = partOf(fleet, 'all-in-one')
      effective()
      await part.kill()
      if (fleet.disk !== undefined) removeStore(fleet.disk)
      return part.start()
    }
    case 'flush':
      effective()
      for (const server of fleet.redis)
        if ((await redisRole(server.host, server.port)) === 'primary') await flushRedis(server.host, server.port)
      return
    case 'wipe-streams':
      effective()
      return wipeStreams(fleet.nats[0].host, fleet.nats[0].port)
    case 'delete-consumers':
      effective()
      return deleteConsumers(fleet.nats[0].host, fleet.nats[0].port)
    case 'power-cut':
      return powerCut(fleet, fault.lengthMs, effective)
    case 'rolling-restart':
      effective()
      for (const part of fleet.parts) {
        if (part.kind !== 'product' || part.down) continue
        await part.stop()
        await part.start()
      }
      return
    case 'resolver-reconnects':
      effective()
      fleet.resolvers[fault.resolver].reconnect()
      return
    case 'peer-away':
      effective()
      await fleet.peer.go()
      await pause(fault.lengthMs)
      return fleet.peer.come()
    case 'clock-step':
      return stepClocks(fleet, fault, effective)
    case 'resolver-clock-step':
      effective()
      fleet.resolvers[fault.resolver].clockOffsetMs += fault.byMs
      if (looksLate(fault)) await pause(BOUNDS.senderClockMs)
  }
}

async function stepClocks(fleet: Fleet, fault: Extract<Fault, { kind: 'clock-step' }>, effective: TookEffect): Promise<void> {
  const parts = fault.target === 'machine' ? fleet.parts : [partOf(fleet, fault.target)]
  effective()
  for (const part of parts) part.clock?.set(fault.offsetMs)
  await pause(Math.max(fault.lengthMs, STEP_SEEN_MS))
  for (const part of parts) part.clock?.set(0)
  await pause(STEP_SEEN_MS)
}

async function signal(part: Part, fault: Extract<Fault, { kind: 'kill' | 'stop' | 'freeze' }>, effective: TookEffect) {
  if (part.down) return
  // Before the signal: facts on their way must not be judged as if they had arrived.
  effective()
  if (fault.kind === 'freeze') {
    part.freeze()
    await pause(fault.lengthMs)
    part.thaw()
    return
  }
  if (fault.kind === 'kill') await part.kill()
  else await part.stop()
  await pause(fault.lengthMs)
  await part.start()
}

/** Our programs and all servers go at the same moment; the routers stand elsewhere. */
async function powerCut(fleet: Fleet, lengthMs: number, effective: TookEffect): Promise<void> {
  const parts = fleet.parts.filter((part) => part.kind !== 'bird' && !part.down)
  effective()
  await Promise.all(parts.map((part) => part.kill()))
  await pause(lengthMs)
  const of = (kind: string) => Promise.all(parts.filter((part) => part.kind === kind).map((part) => part.start()))
  await of('server')
  await of('product')
}
