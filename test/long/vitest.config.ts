// node only: configuration of the test runner for the long tests

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { root, sourceAliases } from '../setup/entries.ts'

const config: ViteUserConfig = defineConfig({
  resolve: { alias: sourceAliases() },
  test: {
    root,
    include: ['test/long/**/*.test.ts'],
    setupFiles: ['test/setup/unhandled.ts'],
    testTimeout: 3_600_000,
    expect: { poll: { timeout: 20_000 } },
    fileParallelism: false,
  },
})

export default config
