// node only: installs and runs programs

/**
 * `npm run test:mcp`: the conformance suite of MCP against a server alone and behind `relayTools`, with equal results.
 *
 * The suite and a Node for it come from npm into a cache folder: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in the
 * user's.
 *
 * @module
 */

import { join } from 'node:path'
import { build } from 'esbuild'
import { platformAliases, root } from '../setup/entries.ts'
import { execute } from './execute.ts'
import { installPackages } from './install-packages.ts'

const packages = ['@modelcontextprotocol/conformance@0.1.16', 'node@22']
const project = await installPackages('mcp', packages)
const outfile = join(project, 'program.mjs')
await build({
  entryPoints: [`${root}test/mcp/conformance/program.ts`],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  outfile,
  alias: platformAliases(),
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
})
const suite = join(project, 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js')
const { succeeded, output } = await execute(join(project, 'node_modules', '.bin', 'node'), [outfile, suite], project)
console.log(output.trim())
if (!succeeded) process.exitCode = 1
