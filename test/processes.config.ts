// node only: configuration of the test runner for `npm run test:processes`

import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { builtAliases, root, sourceAliases } from './setup/entries.ts'
import { builtTests, listProcessTests } from './setup/process-tests.ts'

const config: ViteUserConfig = defineConfig({
  test: {
    // One more than two cores: files that wait for a process, a disk or a clock leave room for others.
    maxWorkers: 3,
    projects: [
      {
        root,
        resolve: { alias: sourceAliases() },
        test: {
          name: 'processes',
          include: listProcessTests(),
          exclude: [...builtTests, 'test/services/**', 'test/long/**'],
          setupFiles: [
            'test/setup/globals.ts',
            'test/setup/seed.ts',
            'test/setup/unhandled.ts',
            'test/setup/equal-bytes.ts',
          ],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 20_000 } },
          isolate: false,
        },
      },
      {
        root,
        resolve: { alias: builtAliases() },
        test: {
          name: 'package',
          include: [...builtTests],
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
