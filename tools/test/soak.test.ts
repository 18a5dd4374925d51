/**
 * A short soak of both shapes: the same harness as `npm run soak`, with a fixed seed and the faults that take little time.
 *
 * Both run at once; each is judged by what the harness saw happen, with the slack that the kernel says processes waited.
 */
import { isInstalled } from '@dnstap-bgp/testkit'
import { describe, expect, test } from 'vitest'
import type { Shape } from '../soak/faults.ts'
import { tellReport } from '../soak/report.ts'
import { soak } from '../soak/soak.ts'

const SHORT = {
  'all-in-one': { seed: 13, needs: ['bird'] },
  services: { seed: 5, needs: ['bird', 'nats-server', 'redis-server'] },
} as const
const LENGTHS = { durationMs: 45_000, names: 500, briefMs: 8000, relearnMs: 20_000, quietMs: 10_000 }

describe.concurrent('a short soak', () => {
  for (const [shape, { seed, needs }] of Object.entries(SHORT)) {
    const missing = needs.filter((program) => !isInstalled(program))
    const name = `${shape}: no valid route is missing, no expired one stays`
    test.skipIf(missing.length > 0)(
      missing.length > 0 ? `${name} (not installed: ${missing.join(', ')})` : name,
      async () => {
        const report = await soak({ ...LENGTHS, shape: shape as Shape, seed, full: false, say: () => undefined })
        expect(report.violations, tellReport(report)).toEqual([])
        expect(report.scenes.length).toBeGreaterThan(0)
        expect(report.checks).toBeGreaterThan(1000)
      },
      600_000,
    )
  }
})
