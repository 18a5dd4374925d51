/** How many bindings and routes an edit of the lists or the configuration would end. */
import type { IpStore, Sighting } from '@dnstap-bgp/ip-store'
import type { Clock } from '@dnstap-bgp/runtime'
import type { Admission } from './admission.ts'
import { audit } from './audit.ts'
import type { Clocks } from './clocks.ts'
import { yieldLoop } from './yield-loop.ts'

/** Prefixes asked of the store at a time. */
const BATCH = 250

export interface Preview {
  readonly bindings: number
  readonly routes: number
}

/** `wanted`: the addresses that lists would ask for. */
export async function previewEdit(
  { store, clock, clocks }: { readonly store: IpStore; readonly clock: Clock; readonly clocks: Clocks },
  admission: Admission,
  wanted: Map<string, Sighting>,
): Promise<Preview> {
  const written = new Set([...wanted.values()].map(({ prefix }) => prefix))
  /** How many bindings each prefix would lose. */
  const going = new Map<string, number>()
  let bindings = 0
  for await (const chunk of store.bindings()) {
    const { gone, passedOn } = audit(chunk, admission, wanted, clocks.now())
    const staying = new Set(passedOn.map(({ prefix }) => prefix))
    for (const { prefix } of gone) {
      if (staying.has(prefix) || written.has(prefix)) continue
      bindings++
      going.set(prefix, (going.get(prefix) ?? 0) + 1)
    }
    await yieldLoop(clock)
  }
  let routes = 0
  const prefixes = [...going.keys()]
  for (let from = 0; from < prefixes.length; from += BATCH) {
    const slice = prefixes.slice(from, from + BATCH)
    const bound = await Promise.all(slice.map((prefix) => store.bindingsOf(prefix)))
    routes += slice.filter((prefix, i) => bound[i].length <= (going.get(prefix) ?? 0)).length
    await yieldLoop(clock)
  }
  return { bindings, routes }
}
