// node only: configuration of the test runner

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { root, sourceAliases } from '../setup/entries.ts'

/** Tests against real servers and browsers; `npm run test:services` starts them first. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: sourceAliases() },
  test: {
    name: 'services',
    include: ['test/services/**/*.test.ts'],
    globalSetup: ['test/setup/build.ts'],
    setupFiles: ['test/setup/unhandled.ts'],
    // Tests end servers, and never the machine: what a server has written outlives it, and a busy disk takes seconds to
    // sync.
    env: { PROCURA_REDIS_SYNC: 'no' },
    testTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 120_000,
    fileParallelism: false,
  },
})

export default config
