// node only: writes files

/**
 * Writes `packages/cli/dist`: the program, and the names that `procura-cli` exports. Both import the library by the
 * names that every user of it imports; the mechanisms of `src/support` are copied in.
 *
 * @module
 */

import type { Plugin } from 'esbuild'
import { build } from 'tsup'
import { cliEntry, root } from '../setup/entries.ts'
import { buildAgentProgram, program } from './agent-program.ts'

/** Writes it into a folder. */
export async function buildCli(folder: string, dts: boolean): Promise<void> {
  await build({
    config: false,
    entry: { index: root + cliEntry, [`${program}-all`]: `${root}packages/cli/src/${program}.ts` },
    outDir: folder,
    format: ['esm'],
    target: 'es2022',
    clean: true,
    dts: dts && {
      entry: { index: root + cliEntry },
      compilerOptions: { ignoreDeprecations: '6.0', isolatedDeclarations: false },
    },
    external: [/^procura(?:\/|$)/, 'jsonc-parser', 'node-sqlite3-wasm', 'toml-eslint-parser', 'undici'],
    esbuildPlugins: [errorsOfTheLibrary],
    removeNodeProtocol: false,
    silent: true,
  })
  await buildAgentProgram(folder)
}

/** An error of a copied mechanism is of the class that the library exports: `instanceof` is true for it. */
const errorsOfTheLibrary: Plugin = {
  name: 'errors-of-the-library',
  setup({ onResolve }) {
    onResolve({ filter: /\/errors\.ts$/ }, ({ importer }) =>
      importer.startsWith(`${root}src/`) ? { path: 'procura/errors', external: true } : undefined,
    )
  },
}
