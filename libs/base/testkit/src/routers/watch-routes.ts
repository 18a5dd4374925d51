/** Watches how many routes a router holds, while something happens that must not take one away. */
import { waitFor } from '../wait-for.ts'
import type { Router } from './router.ts'

export interface RouteWatch {
  /** Ends it after a few more looks, for what a router does when End-of-RIB has come. */
  end(): Promise<{ readonly kind: string; readonly looks: number; readonly lowest: number }>
}

/** Asks again and again. Nothing else may send it routes: then fewer than all means that one is missing. */
export function watchRoutes(router: Pick<Router, 'kind' | 'count'>): RouteWatch {
  let lowest = Infinity
  let looks = 0
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      lowest = Math.min(lowest, await router.count())
      looks++
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  })()
  return {
    async end() {
      const enough = looks + 10
      await waitFor(() => looks >= enough, { what: `${router.kind} to answer`, timeoutMs: 60_000 })
      isOver = true
      await watching
      return { kind: router.kind, looks, lowest }
    },
  }
}

const PAUSE_MS = 10
