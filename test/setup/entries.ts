// node only: reads package.json

/**
 * The entry points: each file of `src/entries` is one, and its path is the subpath that users import. From this list
 * follow the export map of package.json, the `paths` of tsconfig.json, the entry points of typedoc.json and the aliases
 * of the test runner. `npm run entries` writes the files; `architecture.test.ts` fails when they do not agree.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Absolute path of the repository, with a slash at its end. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** Name of an entry point (`index`, `vault/memory`, …) to its source file, relative to {@link root}. */
export type Entries = Readonly<Record<string, string>>

/** A package import (`#backend`): one module for Node, one for everywhere else, both as names of {@link Entries}. */
export interface PlatformImport {
  readonly specifier: string
  readonly node: string
  readonly web: string
}

interface Manifest {
  readonly imports: Readonly<Record<string, { readonly node: string; readonly default: string }>>
}

/** The source of the package `procura-cli` for programs. */
export const cliEntry = 'packages/cli/src/index.ts'

/** The source of the program `procura`. */
export const cliProgram = 'packages/cli/src/procura.ts'

/** How the sources of `packages/cli` write the mechanisms of `src/support`. The build bundles them. */
const support = { find: '#support/*', path: './src/support/*' }

/** Lists them: the root entry first, then by name. */
export function readEntries(): Entries {
  const names = readdirSync(`${root}src/entries`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replaceAll('\\', '/').slice(0, -'.ts'.length))
    .sort((a, b) => Number(b === 'index') - Number(a === 'index') || (a < b ? -1 : 1))
  return Object.fromEntries(names.map((name) => [name, `src/entries/${name}.ts`]))
}

/** The entry points and the one of `procura-cli`: the modules whose exports users call. */
export function readModules(): Entries {
  return { ...readEntries(), 'procura-cli': cliEntry }
}

/** Reads the package imports. */
export function readPlatformImports(): PlatformImport[] {
  return Object.entries(readManifest().imports).map(([specifier, target]) => ({
    specifier,
    node: nameOf(target.node),
    web: nameOf(target.default),
  }))
}

/** The source files of the package imports for Node, for a bundler. */
export function platformAliases(): Record<string, string> {
  const entries = readEntries()
  return Object.fromEntries(readPlatformImports().map(({ specifier, node }) => [specifier, `${root}${entries[node]}`]))
}

/** Whether an entry point is for users; the others are built only because a package import leads to them. */
export function isPublic(name: string): boolean {
  return !name.startsWith('internal/')
}

/** How a user of the package writes an entry point: `procura`, `procura/vault/memory`. */
export function specifierOf(name: string): string {
  return name === 'index' ? 'procura' : `procura/${name}`
}

/** The `exports` of package.json. */
export function exportsOf(entries: Entries): Record<string, unknown> {
  const map: Record<string, unknown> = {}
  for (const name of Object.keys(entries).filter(isPublic)) {
    map[name === 'index' ? '.' : `./${name}`] = { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` }
  }
  return {
    ...map,
    './approval/page.html': './dist/approval/page.html',
    './package.json': './package.json',
  }
}

/**
 * The `paths` of tsconfig.json: they map the packages to their source files, so that no build is needed to edit or to
 * run.
 *
 * @param platform - which module of each package import.
 */
export function pathsOf(entries: Entries, platform: 'node' | 'web' = 'node'): Record<string, readonly string[]> {
  const paths: Record<string, readonly string[]> = {}
  for (const target of readPlatformImports()) paths[target.specifier] = [`./${entries[target[platform]]}`]
  for (const [name, file] of Object.entries(entries).filter(([name]) => isPublic(name))) {
    paths[specifierOf(name)] = [`./${file}`]
  }
  return { ...paths, 'procura-cli': [`./${cliEntry}`], [support.find]: [support.path] }
}

/** The `entryPoints` of typedoc.json. */
export function documentedEntries(entries: Entries): string[] {
  return Object.keys(entries)
    .filter(isPublic)
    .map((name) => entries[name] ?? '')
}

/** An alias of the test runner: an exact specifier and the file that replaces it. */
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
  const names = Object.keys(readEntries()).map((name) => [specifierOf(name), `dist/${name}.js`] as const)
  const platform = readPlatformImports().map((target) => [target.specifier, `dist/${target.node}.js`] as const)
  const others = [
    ['procura-cli', 'packages/cli/dist/index.js'],
    [support.find, support.path.slice(2)],
  ] as const
  return aliases([...names, ...platform, ...others].map(([find, path]) => [find, root + path]))
}

function readManifest(): Manifest {
  return JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Manifest
}

function nameOf(builtFile: string): string {
  return builtFile.replace(/^\.\/dist\//, '').replace(/\.js$/, '')
}

function aliases(pairs: readonly (readonly [string, string])[]): Alias[] {
  return pairs.map(([find, replacement]) => ({
    find: new RegExp(`^${find.replace('*', '(.+)')}$`),
    replacement: replacement.replace('*', '$1'),
  }))
}
