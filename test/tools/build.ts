// node only: writes files

/**
 * `npm run build`: writes `dist` and `packages/cli/dist` by tsup, and combines the modules that the root entry loads at
 * once into a few files. tsup makes a file of each part that several entries share, and loading forty files takes a
 * process twenty milliseconds.
 *
 * `--no-dts` leaves the declarations out; `--out-dir` and `--cli-out-dir` name other folders for the two packages.
 *
 * @module
 */

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as esbuild from 'esbuild'
import { type OutputAsset, type OutputChunk, rollup } from 'rollup'
import { build } from 'tsup'
import { readEntries, root } from '../setup/entries.ts'
import { buildApprovalPage } from './approval-page.ts'
import { buildCli } from './build-cli.ts'

const { values: flags } = parseArgs({
  options: {
    'no-dts': { type: 'boolean' },
    'out-dir': { type: 'string', default: `${root}dist` },
    'cli-out-dir': { type: 'string', default: `${root}packages/cli/dist` },
  },
})
const folder = resolve(flags['out-dir'])
const scriptOf = (entry: string): string => join(folder, `${entry}.js`)
const entries: ReadonlySet<string> = new Set(Object.keys(readEntries()).map(scriptOf))

await build({ outDir: folder, ...(flags['no-dts'] === true ? { dts: false } : {}) })
await mergeCore()
await buildApprovalPage(folder)
await buildCli(resolve(flags['cli-out-dir']), flags['no-dts'] !== true)

/** Writes the scripts again, without omissions or minification: a bundler of the user does that. */
async function mergeCore(): Promise<void> {
  const bundle = await rollup({
    input: Object.fromEntries(Object.keys(readEntries()).map((name) => [name, scriptOf(name)])),
    external: (id) => !/^[./]/.test(id),
    treeshake: false,
    plugins: [{ name: 'pure-constants', transform: markPure }],
    onwarn: ({ message }) => {
      throw new Error(message)
    },
  })
  const { output } = await bundle.generate({
    chunkFileNames: ({ facadeModuleId, isDynamicEntry }) =>
      isDynamicEntry ? laterName(facadeModuleId) : 'chunk-[hash].js',
    entryFileNames: '[name].js',
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    manualChunks: (id, { getModuleInfo }) => partOf(id, (of) => getModuleInfo(of)?.importedIds),
    onlyExplicitManualChunks: true,
  })
  await bundle.close()
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.js')) rmSync(join(folder, file))
  }
  // esbuild writes the path of each module before it, and the package does not have these files.
  const moduleName = /^\/\/ src\/[\w./-]+\.ts\n/gm
  const readable = loadedAtOnce(output)
  for (const file of output) {
    const path = join(folder, file.fileName)
    mkdirSync(dirname(path), { recursive: true })
    if (file.type === 'asset') writeFileSync(path, file.source)
    else {
      const code = file.code.replaceAll(moduleName, '')
      writeFileSync(path, readable.has(file.fileName) ? code : await withoutWhiteSpace(code))
    }
  }
}

/**
 * The files of the entries that users import, and all that these load at once; without the cases of `procura/testing`,
 * which no program in production loads.
 */
function loadedAtOnce(output: readonly (OutputAsset | OutputChunk)[]): ReadonlySet<string> {
  const chunks = output.filter((file) => file.type === 'chunk')
  const importsOf = new Map(chunks.map(({ fileName, imports }) => [fileName, imports]))
  const found = new Set<string>()
  const add = (fileName: string): void => {
    if (found.has(fileName)) return
    found.add(fileName)
    importsOf.get(fileName)?.forEach(add)
  }
  for (const { isEntry, fileName } of chunks)
    if (isEntry && !fileName.startsWith('internal/') && fileName !== 'testing.js') add(fileName)
  return found
}

/** For the size of the package. Names stay, so that the stack of an error is readable. */
async function withoutWhiteSpace(code: string): Promise<string> {
  return (await esbuild.transform(code, { minifyWhitespace: true, format: 'esm', target: 'es2022', charset: 'utf8' }))
    .code
}

/** The output file of a module that is loaded on demand. A bundler adds a hash, so the name has none. */
function laterName(script: string | null): string {
  return script === null ? 'chunk-[hash].js' : `internal/${basename(script).replace(/(?:-[A-Z0-9]{8})?\.js$/, '')}.js`
}

/**
 * Wraps the value of each constant in a call that is marked as free of side effects, as package.json says of all files.
 * One file of `dist` holds many modules, and a bundler keeps its constants with all that they need unless it sees that
 * they can be left out. A class without a name gets it from its constant, and stays as it is.
 */
function markPure(this: { readonly parse: (code: string) => object }, code: string): { code: string; map: null } {
  const { body } = this.parse(code) as { readonly body: readonly Statement[] }
  const values = body.flatMap(({ declarations = [] }) => declarations.flatMap(({ init }) => init ?? []))
  const mark = (text: string, { type, id, start, end }: Expression): string =>
    /Function|Literal|Identifier/.test(type) || id === null
      ? text
      : `${text.slice(0, start)}/* @__PURE__ */ (() => (${text.slice(start, end)}))()${text.slice(end)}`
  return { code: values.reduceRight(mark, code), map: null }
}

/** The parts of a syntax tree that are read here. */
interface Statement {
  readonly declarations?: readonly { readonly init: Expression | null }[]
}
interface Expression {
  readonly type: string
  readonly id?: unknown
  readonly start: number
  readonly end: number
}

/** The modules that a script imports at once; undefined for one of a package. */
type ImportsOf = (script: string) => readonly string[] | undefined

/**
 * The name of the file into which a script goes that `import 'procura'` loads at once. Code that leads to the back end is
 * separate from the rest: the back end needs the rest, and in one file the two would wait for each other before their
 * constants exist.
 */
function partOf(script: string, importsOf: ImportsOf): string | undefined {
  if (entries.has(script) || !reach(scriptOf('index'), importsOf).has(script)) return undefined
  return reach(script, importsOf).has('#backend') ? 'core' : 'core-base'
}

/** A script, and all that it imports at once. */
function reach(script: string, importsOf: ImportsOf): ReadonlySet<string> {
  const found = new Set<string>()
  const add = (one: string): void => {
    if (found.has(one)) return
    found.add(one)
    importsOf(one)?.forEach(add)
  }
  add(script)
  return found
}
