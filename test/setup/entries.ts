// node only: reads package.json

/**
 * The one list of entry points, `tsup.entry` of package.json, and everything that is derived from it: the export map,
 * the `paths` of tsconfig.json and the aliases of the test runner. `npm run entries` writes the first two;
 * `architecture.test.ts` fails when they do not agree.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Absolute path of the repository, with a slash at its end. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** Name of an entry point (`index`, `vault/memory`, …) to its source file, relative to {@link root}. */
export type Entries = Readonly<Record<string, string>>

/** Reads the list. */
export function readEntries(): Entries {
  const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { tsup: { entry: Entries } }
  return manifest.tsup.entry
}

/** How a user of the package writes an entry point: `procura`, `procura/vault/memory`. */
export function specifierOf(name: string): string {
  return name === 'index' ? 'procura' : `procura/${name}`
}

/** The `exports` of package.json. */
export function exportsOf(entries: Entries): Record<string, unknown> {
  const map: Record<string, unknown> = {}
  for (const name of Object.keys(entries)) {
    map[name === 'index' ? '.' : `./${name}`] = { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` }
  }
  return { ...map, './package.json': './package.json' }
}

/** The `paths` of tsconfig.json: source files stand for the package, so that no build is needed to edit or to run. */
export function pathsOf(entries: Entries): Record<string, readonly string[]> {
  const paths: Record<string, readonly string[]> = { '#backend': ['./src/principal/backend/node.ts'] }
  for (const [name, file] of Object.entries(entries)) paths[specifierOf(name)] = [`./${file}`]
  return paths
}

/** An alias of the test runner: an exact specifier and the file that stands for it. */
export interface Alias {
  readonly find: RegExp
  readonly replacement: string
}

/** Aliases to the source files. */
export function sourceAliases(): Alias[] {
  return aliases(Object.entries(pathsOf(readEntries())).map(([find, [file]]) => [find, `${root}${file?.slice(2)}`]))
}

/** Aliases to the built files. */
export function builtAliases(): Alias[] {
  const built = Object.keys(readEntries()).map((name): [string, string] => [
    specifierOf(name),
    `${root}dist/${name}.js`,
  ])
  return aliases([...built, ['#backend', `${root}dist/backend/node.js`]])
}

function aliases(pairs: readonly (readonly [string, string])[]): Alias[] {
  return pairs.map(([find, replacement]) => ({ find: new RegExp(`^${find}$`), replacement }))
}
