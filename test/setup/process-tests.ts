// node only: reads the tests

/**
 * Which tests start programs: those that import a module of Node for it, or that name a program to be started, by
 * themselves or through a file of tests that they import. They take longer than all others together, and
 * `npm run test:processes` runs them.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './entries.ts'
import { listFiles } from './source.ts'

/** Tests of the published package: they run against `dist`, which is built first if it is older than `src`. */
export const builtTests: readonly string[] = [
  'test/{bundle,readme,guides,programs,examples}.test.ts',
  '{test,packages/cli/test}/package/**/*.test.ts',
]

const startsOne = /'node:(?:child_process|cluster|worker_threads)'|[\w-]\.mjs['`]/

/** Lists their files, as paths from the root of the repository. */
export function listProcessTests(): string[] {
  const known = new Map<string, boolean>()
  return [...listFiles('test', '.test.ts'), ...listFiles('packages/cli/test', '.test.ts')].filter(startsPrograms)

  function startsPrograms(path: string): boolean {
    const before = known.get(path)
    if (before !== undefined) return before
    // A file that imports itself by way of others does not start programs for that reason.
    known.set(path, false)
    const text = readFileSync(join(root, path), 'utf8')
    const imported = [...text.matchAll(/(?:from|import\() ?'(\.[^']+\.ts)'/g)]
      .map(([, specifier = '']) => join(dirname(path), specifier))
      .filter((file) => /^(?:packages\/cli\/)?test\//.test(file) && existsSync(join(root, file)))
    const starts = startsOne.test(text) || imported.some(startsPrograms)
    known.set(path, starts)
    return starts
  }
}
