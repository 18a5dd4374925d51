/** The smallest output: one receiver, a Map in memory. */
import type { RouteTable } from '@dnstap-bgp/route-table'
import { routeOutputConformance } from './conformance.ts'
import type { CloseOptions, OutputStatus, RouteOutput } from './route-output.ts'

class MemoryOutput implements RouteOutput {
  readonly received = new Map<string, readonly number[]>()
  readonly #table: RouteTable
  #unfollow: (() => void) | undefined

  constructor(table: RouteTable) {
    this.#table = table
  }

  async start(): Promise<void> {
    if (this.#unfollow !== undefined) throw new Error('an output is started once')
    for (const [prefix, { communities }] of this.#table.entries()) this.received.set(prefix, communities)
    this.#unfollow = this.#table.follow({
      changed: (family, id) => {
        const prefix = this.#table.prefixText(family, id)
        const attributes = this.#table.get(prefix)
        if (attributes === undefined) this.received.delete(prefix)
        else this.received.set(prefix, attributes.communities)
      },
    })
  }

  status(): OutputStatus {
    const isUp = this.#unfollow !== undefined
    return { receivers: [{ name: 'memory', isUp, routes: this.received.size, isComplete: isUp }], fault: undefined }
  }

  receiversWith(prefix: string): readonly string[] {
    return this.received.has(prefix) ? ['memory'] : []
  }

  async close({ withdraw = false }: CloseOptions = {}): Promise<void> {
    this.#unfollow?.()
    if (withdraw) this.received.clear()
  }
}

routeOutputConformance('an output in memory', async (table) => {
  const output = new MemoryOutput(table)
  return { output, received: () => output.received, remove: () => output.close() }
})
