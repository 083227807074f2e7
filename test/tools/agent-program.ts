// node only: writes files

/**
 * The program `procura` in two parts. Agents start `connect` and `hook` often, and wait for them. These verbs are in
 * files of their own, with the parts of the library that they need, because a process loads few small files faster than
 * thirty shared ones. They are minified for the size of the package; the same modules are readable in the other files,
 * which all other verbs share.
 *
 * @module
 */

import { chmodSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build, type Plugin, transform } from 'esbuild'
import { rollup } from 'rollup'
import { platformAliases, root } from '../setup/entries.ts'

/** The name of the program, and of its source in `packages/cli/src`. */
export const program = 'procura'

const often: readonly string[] = ['connect', 'hook']

/** The modules that `src/cli` loads for these verbs, or for any. */
const loaded: ReadonlySet<string> = new Set([...often.map((verb) => `./${verb}.ts`), './hook-install.ts', './help.ts'])

/** Where these verbs begin. */
const beginnings = ['packages/cli/src/cli/gateway/connect.ts', 'packages/cli/src/cli/hooks/hook.ts']

const launcher = `#!/usr/bin/env node
// The verbs that agents start often are in files of their own, which load faster.
void (${JSON.stringify(often)}.includes(process.argv[2] ?? '') ? import('./procura-agent.js') : import('./procura-all.js'))
`

const banner =
  '// Contains parts of multiformats (https://github.com/multiformats/js-multiformats), Apache-2.0 OR MIT.\n'

/** Writes the files for these verbs into a built folder, and a launcher in the place of the program. */
export async function buildAgentProgram(folder: string): Promise<void> {
  for (const { fileName, code } of await mergedScripts(await bundledScripts())) {
    const { code: minified } = await transform(code, { minify: true, format: 'esm', target: 'node20' })
    writeFileSync(join(folder, fileName), `${banner}${minified}`)
  }
  writeFileSync(join(folder, 'procura.js'), launcher)
  chmodSync(join(folder, 'procura.js'), 0o755)
}

interface Bundled {
  /** The scripts by their names. */
  readonly scripts: ReadonlyMap<string, string>
  /** The names of the scripts of {@link beginnings}. */
  readonly begin: readonly string[]
}

/** The scripts as esbuild divides them: one for each set of places that need its modules. */
async function bundledScripts(): Promise<Bundled> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: { 'procura-agent': `${root}packages/cli/src/${program}.ts` },
    outdir: `${root}packages/cli/dist`,
    chunkNames: '[hash]',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    alias: platformAliases(),
    inject: [`${root}test/tools/agent-performance.ts`],
    plugins: [withoutOtherVerbs, builtinModules],
    write: false,
    metafile: true,
  })
  const outputs = Object.entries(metafile.outputs)
  return {
    // The launcher has the first line of the program.
    scripts: new Map(outputFiles.map(({ path, text }) => [basename(path), text.replace(/^#!.*/, '')])),
    begin: beginnings.map((source) => {
      const [path] = outputs.find(([, { entryPoint }]) => entryPoint === source) ?? []
      if (path === undefined) throw new Error(`${source} is not loaded on demand by the verbs of agents`)
      return basename(path)
    }),
  }
}

/** Combines the scripts that are loaded together. The verb and the begin of `connect` are one file. */
async function mergedScripts({
  scripts,
  begin,
}: Bundled): Promise<readonly { readonly fileName: string; readonly code: string }[]> {
  const bundle = await rollup({
    input: 'procura-agent.js',
    external: (id) => !id.endsWith('.js') || id.startsWith('@'),
    treeshake: false,
    plugins: [{ name: 'bundled', resolveId: (id) => basename(id), load: (id) => scripts.get(id) ?? null }],
    onwarn: ({ message }) => {
      throw new Error(message)
    },
  })
  const { output } = await bundle.generate({
    entryFileNames: '[name].js',
    chunkFileNames: 'procura-agent-[hash].js',
    hoistTransitiveImports: false,
    manualChunks: (id, { getModuleInfo }) => {
      const leadsTo = (from: string): boolean => {
        const seen = new Set<string>()
        const visit = (one: string): boolean => {
          if (one === id) return true
          if (seen.has(one)) return false
          seen.add(one)
          return getModuleInfo(one)?.importedIds.some(visit) === true
        }
        return visit(from)
      }
      const [first = '', ...others] = begin
      if (leadsTo('procura-agent.js') || leadsTo(first)) return 'agent'
      const places = others.flatMap((one, index) => (leadsTo(one) ? [index] : []))
      return places.length === 0 ? undefined : `agent-${places.join('')}`
    },
  })
  await bundle.close()
  return output.filter((file) => file.type === 'chunk')
}

/** The launcher starts these files for their own verbs only. */
const withoutOtherVerbs: Plugin = {
  name: 'without-other-verbs',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/[a-z-]+\.ts$/ }, ({ path, importer, kind }) =>
      kind === 'dynamic-import' && /verbs\.ts$/.test(basename(importer)) && !loaded.has(path)
        ? { path: 'another verb', namespace: 'absent' }
        : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
      contents: "throw new Error('this verb is in another file of the program')",
    }))
  },
}

/** Modules of Node that few starts of these verbs need. They are loaded by the first call of a function. */
const late: readonly string[] = ['node:child_process', 'node:zlib']

/**
 * Takes modules of Node from `process.getBuiltinModule`. An `import` of one reads all its properties, and some of them
 * load further modules: the Web Crypto API, streams of files, standard input and output.
 */
const builtinModules: Plugin = {
  name: 'builtin-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin' } : { path, external: true },
    )
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: builtinModule(path) }))
  },
}

function builtinModule(name: string): string {
  const of = process.getBuiltinModule(name) as Readonly<Record<string, unknown>>
  const got = name === 'node:process' ? 'process' : `process.getBuiltinModule('${name}')`
  // Deprecated names warn when they are read.
  const names = Object.keys(of).filter(
    (one) => /^[a-zA-Z_]\w+$/.test(one) && one !== 'default' && !/^[FRWX]_OK$/.test(one),
  )
  if (late.includes(name))
    return names.map((one) => `export const ${one} = (...given) => ${got}.${one}(...given)\n`).join('')
  // A bundler leaves out what is marked so, and not used.
  const properties = names.map((one) => `export const ${one} = /* @__PURE__ */ (() => all.${one})()\n`)
  return `const all = /* @__PURE__ */ (() => ${got})()\nexport default all\n${properties.join('')}`
}
