// node only: configuration of the test runner for the test of unhandled.ts

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { root } from './entries.ts'

const config: ViteUserConfig = defineConfig({
  root,
  test: {
    include: ['test/setup/unhandled-cases.ts'],
    setupFiles: ['test/setup/unhandled.ts'],
    // The setup file must fail the test, not the runner.
    dangerouslyIgnoreUnhandledErrors: true,
  },
})

export default config
