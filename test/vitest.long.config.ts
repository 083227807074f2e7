// node only: configuration of the test runner

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { root, sourceAliases } from './setup/entries.ts'

/** Random tests with many more cases, and tests that kill processes: minutes, not seconds. */
const config: ViteUserConfig = defineConfig({
  root,
  resolve: { alias: sourceAliases() },
  test: { name: 'long', include: ['test/long/**/*.test.ts'], testTimeout: 900_000, hookTimeout: 900_000 },
})

export default config
