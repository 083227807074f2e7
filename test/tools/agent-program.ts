// node only: writes files

/**
 * The program `procura` in two files. Agents start `connect` and `hook` often, and wait for them. These verbs are in one
 * file with the parts of the library that they need, because a process loads one file faster than thirty. It is minified
 * for the size of the package; the same modules are readable in the other files, which all other verbs share.
 *
 * @module
 */

import { chmodSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { platformAliases, root } from '../setup/entries.ts'

/** The entry of the program. */
export const program = 'internal/procura'

const often: readonly string[] = ['connect', 'hook']

/** The modules that `src/cli` loads for these verbs, or for any. */
const loaded: ReadonlySet<string> = new Set([...often.map((verb) => `./${verb}.ts`), './hook-install.ts', './help.ts'])

const launcher = `#!/usr/bin/env node
import { argv } from 'node:process'

// The verbs that agents start often are in a file of their own, which loads faster.
void (${JSON.stringify(often)}.includes(argv[2] ?? '') ? import('./procura-agent.js') : import('./procura-all.js'))
`

/** Writes the file for these verbs into a built folder, and a launcher in the place of the program. */
export async function buildAgentProgram(folder: string): Promise<void> {
  const internal = join(folder, 'internal')
  await build({
    entryPoints: { 'procura-agent': `${root}src/entries/${program}.ts` },
    outdir: internal,
    chunkNames: 'procura-agent-[hash]',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    minify: true,
    external: ['@noble/*'],
    alias: platformAliases(),
    plugins: [withoutOtherVerbs],
    banner: {
      js: '// Contains parts of multiformats (https://github.com/multiformats/js-multiformats), Apache-2.0 OR MIT.',
    },
  })
  writeFileSync(join(internal, 'procura.js'), launcher)
  chmodSync(join(internal, 'procura.js'), 0o755)
}

/** The launcher starts this file for its own verbs only. */
const withoutOtherVerbs: Plugin = {
  name: 'without-other-verbs',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/[a-z-]+\.ts$/ }, ({ path, importer, kind }) =>
      kind === 'dynamic-import' && /^(?:gateway-)?verbs\.ts$/.test(basename(importer)) && !loaded.has(path)
        ? { path: 'another verb', namespace: 'absent' }
        : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
      contents: "throw new Error('this verb is in another file of the program')",
    }))
  },
}
