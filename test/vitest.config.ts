// node only: configuration of the test runner

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { builtAliases, root, sourceAliases } from './setup/entries.ts'

/** Tests of the published package: they run against `dist`, which is built first if it is older than `src`. */
const builtTests = [
  'test/{bundle,readme,guides,programs,examples}.test.ts',
  '{test,packages/cli/test}/package/**/*.test.ts',
]

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
          exclude: [...builtTests, 'test/services/**', 'test/long/**'],
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
      {
        root,
        resolve: { alias: builtAliases() },
        test: {
          name: 'package',
          include: builtTests,
          globalSetup: ['test/setup/build.ts'],
          setupFiles: ['test/setup/unhandled.ts', 'test/setup/equal-bytes.ts'],
          testTimeout: 120_000,
          expect: { poll: { timeout: 20_000 } },
          // Most files run programs in processes of their own; TypeScript is loaded once for all files.
          isolate: false,
        },
      },
    ],
  },
})

export default config
