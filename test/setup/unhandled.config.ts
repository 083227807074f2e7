// node only: configuration of the test runner for the test of unhandled.ts

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { root } from './entries.ts'

const config: ViteUserConfig = defineConfig({
  root,
  test: {
    include: ['test/setup/unhandled-cases.ts'],
    setupFiles: ['test/setup/unhandled.ts'],
    // so that what fails a test is the setup file, and not the runner
    dangerouslyIgnoreUnhandledErrors: true,
  },
})

export default config
