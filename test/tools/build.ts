// node only: writes files

/**
 * `npm run build`: writes `dist` by tsup, and then puts what the root entry loads at once into a few files. tsup
 * makes a file of each part that some entries share and others do not, and to load forty files takes a process twenty
 * milliseconds.
 *
 * `--no-dts` leaves the declarations out, and `--out-dir` names another folder.
 *
 * @module
 */

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { rollup } from 'rollup'
import { build } from 'tsup'
import { readEntries, readPlatformImports, root } from '../setup/entries.ts'

const { values: flags } = parseArgs({
  options: { 'no-dts': { type: 'boolean' }, 'out-dir': { type: 'string', default: `${root}dist` } },
})
const folder = resolve(flags['out-dir'])
const scriptOf = (entry: string): string => join(folder, `${entry}.js`)
const entries: ReadonlySet<string> = new Set(Object.keys(readEntries()).map(scriptOf))

await build({ outDir: folder, ...(flags['no-dts'] === true ? { dts: false } : {}) })
await mergeCore()

/** Writes the scripts anew. Nothing is left out or made shorter: who bundles the package does that. */
async function mergeCore(): Promise<void> {
  const bundle = await rollup({
    input: Object.fromEntries(Object.keys(readEntries()).map((name) => [name, scriptOf(name)])),
    external: (id) => !/^[./]/.test(id),
    treeshake: false,
    onwarn: ({ message }) => {
      throw new Error(message)
    },
  })
  const { output } = await bundle.generate({
    chunkFileNames: 'chunk-[hash].js',
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    manualChunks: (id, { getModuleInfo }) => partOf(id, (of) => getModuleInfo(of) ?? undefined),
    onlyExplicitManualChunks: true,
  })
  await bundle.close()
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.js')) rmSync(join(folder, file))
  }
  for (const file of output) {
    const path = join(folder, file.fileName)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, file.type === 'chunk' ? file.code : file.source)
  }
}

/** What a script imports, at once and later. */
interface Imports {
  readonly importedIds: readonly string[]
  readonly dynamicallyImportedIds: readonly string[]
}

/**
 * The file that a script of the root entry goes into, by name. What it needs again for what it loads later is kept apart,
 * as bundlers keep that apart as well. And what leads to a package import (`#backend`) is kept apart from what does not:
 * the module that is imported needs the latter, and in one file they would wait for each other, the constants of one not
 * yet there.
 */
function partOf(script: string, importsOf: (script: string) => Imports | undefined): string | undefined {
  const platform = readPlatformImports().map(({ web }) => scriptOf(web))
  const atOnce = reach([scriptOf('index'), ...platform], importsOf)
  const later = [...atOnce].flatMap((one) => importsOf(one)?.dynamicallyImportedIds ?? [])
  if (entries.has(script) || !reach([scriptOf('index')], importsOf).has(script)) return undefined
  return `core-${depthOf(script, importsOf)}${reach(later, importsOf).has(script) ? '-base' : ''}`
}

/** How many package imports lie below a script, one below the other. */
function depthOf(script: string, importsOf: (script: string) => Imports | undefined): number {
  const depths = [...reach([script], importsOf)].flatMap((one) =>
    (importsOf(one)?.importedIds ?? []).flatMap((imported) => {
      const target = readPlatformImports().find(({ specifier }) => specifier === imported)
      return target === undefined
        ? []
        : [target.node, target.web].map((entry) => 1 + depthOf(scriptOf(entry), importsOf))
    }),
  )
  return Math.max(0, ...depths)
}

/** Scripts, and all that they import statically. */
function reach(scripts: readonly string[], importsOf: (script: string) => Imports | undefined): ReadonlySet<string> {
  const found = new Set<string>()
  const add = (script: string): void => {
    if (found.has(script) || !script.startsWith(folder)) return
    found.add(script)
    importsOf(script)?.importedIds.forEach(add)
  }
  scripts.forEach(add)
  return found
}
