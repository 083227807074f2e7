// node only: looks for a program

import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * A Node with `node:sqlite`: this one, or the one that `npm run test:sqlite` has fetched. Without one it reports that,
 * which is a failure in CI.
 */
export function nodeWithSqlite(): string | undefined {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  const cache = process.env['PROCURA_MATRIX_CACHE'] ?? join(homedir(), '.cache', 'procura-matrix')
  const found = [join(cache, 'sqlite', 'node_modules', '.bin', 'node')].find((path) => existsSync(path))
  if (found !== undefined) return found
  const message = 'not tested: no Node with `node:sqlite`; run `npm run test:sqlite` once, which fetches one'
  if (process.env['CI'] === 'true') throw new Error(message)
  process.stdout.write(`${message}\n`)
  return undefined
}
