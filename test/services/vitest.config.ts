// node only: configuration of the test runner

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { root, sourceAliases } from '../setup/entries.ts'

/** These tests wait most of the time, and each file has a server of its own: the files run at the same time. */
const waiting = 'test/services/recovery-*.test.ts'

/** Tests against real servers and browsers; `npm run test:services` starts them first. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: sourceAliases() },
  test: {
    globalSetup: ['test/setup/build.ts'],
    setupFiles: ['test/setup/unhandled.ts'],
    // Tests end servers, and never the machine: what a server has written outlives it, and a busy disk takes seconds to
    // sync.
    env: { PROCURA_REDIS_SYNC: 'no' },
    testTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'services',
          include: ['test/services/**/*.test.ts'],
          exclude: [waiting],
          fileParallelism: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'recovery', include: [waiting], maxWorkers: 4, sequence: { groupOrder: 1 } },
      },
    ],
  },
})

export default config
