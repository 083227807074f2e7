// node only: installs packages
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { execute } from './execute.ts'

/**
 * The folder for packages that only some tests need: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in the user's cache.
 */
export const cache: string = process.env['PROCURA_MATRIX_CACHE'] ?? join(homedir(), '.cache', 'procura-matrix')

/**
 * Installs packages from npm into a folder of the cache, unless they are there in these versions.
 *
 * @param name - of the folder.
 * @returns the folder, which has `node_modules`.
 */
export async function installPackages(name: string, packages: readonly string[]): Promise<string> {
  const project = join(cache, name)
  const installed = join(project, `installed-${shortened(packages.join(' ').replace(/[^a-z0-9.@]+/g, '-'))}`)
  mkdirSync(project, { recursive: true })
  if (existsSync(installed)) return project
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n')
  const result = await execute('npm', ['install', '--silent', '--no-save', '--no-package-lock', ...packages], project)
  if (!result.succeeded) throw new Error(result.output)
  writeFileSync(installed, '')
  return project
}

/** Systems permit 255 bytes in the name of a file. */
function shortened(name: string): string {
  if (name.length <= 240) return name
  return `${name.slice(0, 200)}-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}
