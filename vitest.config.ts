import { defineConfig } from 'vitest/config'

// Two projects: unit tests live beside the code and start nothing; tests under test/ start real daemons.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{apps,libs,tools}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/test/**', '**/dist/**'],
          // Only to stop what hangs: a loaded machine is slow, and that is no failure.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{apps,libs,tools}/**/test/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          globalSetup: ['tools/fresh-build.mjs'],
        },
      },
    ],
  },
})
