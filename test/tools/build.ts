// node only: writes files

/**
 * `npm run build`: writes `dist` by tsup, and then combines the modules that the root entry loads at once into a few
 * files. tsup makes a file of each part that several entries share, and loading forty files takes a process twenty
 * milliseconds.
 *
 * `--no-dts` leaves the declarations out, and `--out-dir` names another folder.
 *
 * @module
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as esbuild from 'esbuild'
import { type OutputAsset, type OutputChunk, rollup } from 'rollup'
import { build } from 'tsup'
import { readEntries, readPlatformImports, root, standalone } from '../setup/entries.ts'
import { buildAgentProgram, program } from './agent-program.ts'
import { buildApprovalPage } from './approval-page.ts'

const { values: flags } = parseArgs({
  options: { 'no-dts': { type: 'boolean' }, 'out-dir': { type: 'string', default: `${root}dist` } },
})
const folder = resolve(flags['out-dir'])
const scriptOf = (entry: string): string => join(folder, `${entry}.js`)
const entries: ReadonlySet<string> = new Set(Object.keys(readEntries()).map(scriptOf))

await build({
  outDir: folder,
  ...(flags['no-dts'] === true ? { dts: false } : {}),
  // The `main` of jsonc-parser loads its parts by a `require` that bundlers do not see.
  esbuildOptions(options) {
    options.mainFields = ['module', 'main']
  },
})
await mergeCore()
await buildAgentProgram(folder)
await buildApprovalPage(folder)
writeLicences(['jsonc-parser', 'toml-eslint-parser', 'eslint-visitor-keys'])

/** Writes the licences of the packages that the scripts contain. */
function writeLicences(packages: readonly string[]): void {
  const texts = packages.map((name) => {
    const place = join(root, 'node_modules', name)
    const file = readdirSync(place).find((one) => /^licen[cs]e/i.test(one)) as string
    const { version } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as { readonly version: string }
    return `${name} ${version}\n\n${readFileSync(join(place, file), 'utf8').trim()}\n`
  })
  writeFileSync(join(folder, 'third-party-licenses.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`))
}

/** Writes the scripts again, without omissions or minification: a bundler of the user does that. */
async function mergeCore(): Promise<void> {
  const bundle = await rollup({
    input: Object.fromEntries(Object.keys(readEntries()).map((name) => [name, scriptOf(name)])),
    external: (id) => !/^[./]/.test(id),
    treeshake: false,
    plugins: [
      { name: 'standalone', load: standaloneCode },
      { name: 'pure-initializers', transform: markPure },
    ],
    onwarn: ({ message }) => {
      throw new Error(message)
    },
  })
  const { output } = await bundle.generate({
    chunkFileNames: ({ facadeModuleId, isDynamicEntry }) =>
      standaloneName(facadeModuleId) ?? (isDynamicEntry ? laterName(facadeModuleId) : 'chunk-[hash].js'),
    // The launcher has the name of the program.
    entryFileNames: ({ name }) => (name === program ? 'internal/procura-all.js' : '[name].js'),
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    manualChunks: (id, { getModuleInfo }) => partOf(id, (of) => getModuleInfo(of) ?? undefined),
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
 * The files of the entries that users import, and all that these load at once; without the program, and without the cases
 * of `procura/testing`, which no program in production loads.
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

/** The output file of a module of {@link standalone}; undefined for the other scripts. */
function standaloneName(script: string | null): string | undefined {
  // tsup names the script of a module that is loaded on demand after the module.
  const name = standalone
    .map((source) => basename(source, '.ts'))
    .find((one) => basename(script ?? '').startsWith(`${one}-`))
  return name && `internal/${name}.js`
}

/** The output file of another module that is loaded on demand. A bundler adds a hash, so the name has none. */
function laterName(script: string | null): string {
  return script === null ? 'chunk-[hash].js' : `internal/${basename(script).replace(/(?:-[A-Z0-9]{8})?\.js$/, '')}.js`
}

/** Replaces the script of a module of {@link standalone} by one that contains copies of all that it imports. */
async function standaloneCode(script: string): Promise<string | undefined> {
  const source = standalone.find((one) => standaloneName(script) === `internal/${basename(one, '.ts')}.js`)
  if (source === undefined) return undefined
  const { outputFiles } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [source],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    packages: 'external',
    write: false,
  })
  return outputFiles[0]?.text
}

/**
 * Wraps the initial value of each constant of a module in a call that is marked as free of side effects, as
 * package.json says of every file. One file of `dist` holds many modules, and a bundler keeps the constants of a file
 * that it uses, with all that they need, unless it sees that their values can be left out. Minifiers remove the
 * wrapping.
 */
function markPure(this: { readonly parse: (code: string) => object }, code: string): { code: string; map: null } {
  const { body } = this.parse(code) as { readonly body: readonly SyntaxNode[] }
  const values = body.flatMap(({ declarations = [] }) => declarations.flatMap(({ init }) => init ?? []))
  const marked = values.filter((value) => !isPlain(value)).sort((a, b) => b.start - a.start)
  const mark = (text: string, { start, end }: SyntaxNode): string =>
    `${text.slice(0, start)}/* @__PURE__ */ (() => (${text.slice(start, end)}))()${text.slice(end)}`
  return { code: marked.reduce(mark, code), map: null }
}

/** The part of a result of rollup's parser that is read here. */
interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly declarations?: readonly { readonly init: SyntaxNode | null }[]
  readonly id?: SyntaxNode | null
}

/** Whether every bundler sees that a value can be left out. A class without a name gets it from its constant. */
function isPlain(value: SyntaxNode): boolean {
  if (/Function/.test(value.type)) return true
  if (value.type === 'ClassExpression') return value.id === null
  if (!/^(?:Literal|Identifier|Property|(?:Array|Object|Unary)Expression)$/.test(value.type)) return false
  const parts = Object.values(value).flatMap((part: unknown) => (Array.isArray(part) ? part : [part]))
  return parts.every((part) => typeof Object(part).type !== 'string' || isPlain(part as SyntaxNode))
}

/** The imports of a script, at once and later. */
interface Imports {
  readonly importedIds: readonly string[]
  readonly dynamicallyImportedIds: readonly string[]
}

/**
 * The name of the file into which a script goes that `import 'procura'` loads at once. Code that is needed again by
 * lazily loaded code has its own file, as in the output of bundlers. Code that leads to a package import (`#backend`)
 * is separate from the rest: the imported module needs the rest, and in one file the two would wait for each other
 * before their constants exist. Code that Node alone loads, by a package import, is one file for each import that leads
 * to it, and one for each module that is loaded on demand elsewhere.
 */
function partOf(script: string, importsOf: (script: string) => Imports | undefined): string | undefined {
  if (entries.has(script)) return undefined
  const targets = readPlatformImports()
  const web = targets.map((target) => scriptOf(target.web))
  const atOnce = reach([scriptOf('index'), ...web], importsOf)
  const onDemand = [...atOnce].flatMap((one) => importsOf(one)?.dynamicallyImportedIds ?? [])
  const later = onDemand.filter((one) => reach([one], importsOf).has(script))
  const core = `core-${depthOf(script, importsOf)}`
  if (reach([scriptOf('index')], importsOf).has(script)) return later.length > 0 ? `${core}-base` : core
  const leading = targets.filter((target) => reach([scriptOf(target.node)], importsOf).has(script))
  if (leading.length === 0) return undefined
  if (later.length > 0) return `later-${later.map((one) => onDemand.indexOf(one)).join('-')}`
  if (atOnce.has(script)) return core
  // Other entries use code that is not for Node alone, and they can be bundled for browsers.
  const isForNode = importsOf(script)?.importedIds.some((id) => id.startsWith('node:')) === true
  return `${isForNode ? 'node' : 'any'}-${leading.map(({ specifier }) => specifier.slice(1)).join('-')}`
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
