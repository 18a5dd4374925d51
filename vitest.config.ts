import { defineConfig } from 'vitest/config'
import { SlowFirst } from './tools/slow-first.ts'

/** These load both cores by themselves: they run after the others, one at a time. */
const ALONE = ['tools/test/soak.test.ts']
const NEVER = ['**/node_modules/**', '**/dist/**']
/** Only to stop what hangs: a loaded machine is slow, and that is no failure. */
const TIMEOUTS = { testTimeout: 60_000, hookTimeout: 60_000 }

// Unit tests live beside the code and start nothing. Tests under test/ start real daemons; they wait much and compute little, so two
// files run at a time on any machine. Each has addresses, ports and folders of its own (libs/base/testkit/src/loopback.ts).
export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    coverage: { provider: 'v8', include: ['{apps,libs}/**/src/**/*.ts'], reporter: ['text-summary', 'html'] },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{apps,libs,tools}/**/*.test.ts'],
          exclude: [...NEVER, '**/test/**'],
          ...TIMEOUTS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{apps,libs,tools}/**/test/**/*.test.ts'],
          exclude: [...NEVER, ...ALONE],
          ...TIMEOUTS,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          globalSetup: ['tools/fresh-build.mjs'],
        },
      },
      {
        test: {
          name: 'alone',
          include: ALONE,
          exclude: NEVER,
          ...TIMEOUTS,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          globalSetup: ['tools/fresh-build.mjs'],
        },
      },
    ],
  },
})
