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
  const known = new Map<string, { readonly starts: boolean; readonly imports: readonly string[] }>()
  return [...listFiles('test', '.test.ts'), ...listFiles('packages/cli/test', '.test.ts')].filter(startsPrograms)

  /** Whether a file, or one that it leads to, starts a program. */
  function startsPrograms(path: string): boolean {
    const reached = new Set([path])
    for (const one of reached) {
      const { starts, imports } = read(one)
      if (starts) return true
      for (const file of imports) reached.add(file)
    }
    return false
  }

  function read(path: string): { readonly starts: boolean; readonly imports: readonly string[] } {
    const before = known.get(path)
    if (before !== undefined) return before
    const text = readFileSync(join(root, path), 'utf8')
    const imports = [...text.matchAll(/(?:from|import\() ?'(\.[^']+\.ts)'/g)]
      .map(([, specifier = '']) => join(dirname(path), specifier))
      .filter((file) => /^(?:packages\/cli\/)?test\//.test(file) && existsSync(join(root, file)))
    const file = { starts: startsOne.test(text), imports }
    known.set(path, file)
    return file
  }
}
