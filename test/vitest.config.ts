// node only: configuration of the test runner for `npm test`

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { root, sourceAliases } from './setup/entries.ts'
import { builtTests, listProcessTests } from './setup/process-tests.ts'

const config: ViteUserConfig = defineConfig({
  test: {
    // One more than two cores: files that wait for a disk or a clock leave room for others.
    maxWorkers: 3,
    projects: [
      {
        root,
        resolve: { alias: sourceAliases() },
        test: {
          name: 'source',
          include: ['{test,packages/cli/test}/**/*.test.ts'],
          exclude: [...builtTests, ...listProcessTests(), 'test/services/**', 'test/long/**'],
          setupFiles: [
            'test/setup/globals.ts',
            'test/setup/seed.ts',
            'test/setup/unhandled.ts',
            'test/setup/equal-bytes.ts',
          ],
          testTimeout: 30_000,
          // A busy machine takes longer than the second of the default, and a wait ends when its condition holds.
          expect: { poll: { timeout: 20_000 } },
          // The library keeps no state in modules, so that files of tests can share them: half the time is loading.
          isolate: false,
        },
      },
    ],
  },
})

export default config
