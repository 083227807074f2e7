// node only: installs and runs programs

/**
 * `npm run test:mcp`: the conformance suite of MCP against a server alone and behind `relayTools`, with equal results.
 *
 * The suite and a Node for it come from npm into a cache folder: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in the user's.
 *
 * @module
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { readEntries, readPlatformImports, root } from '../setup/entries.ts'
import { execute } from './execute.ts'

const packages = ['@modelcontextprotocol/conformance@0.1.16', 'node@22']
const cache = process.env['PROCURA_MATRIX_CACHE'] ?? join(homedir(), '.cache', 'procura-matrix')
const project = join(cache, 'mcp')
const installed = join(project, `installed-${packages.join(' ').replace(/[^a-z0-9.@]+/g, '-')}`)

mkdirSync(project, { recursive: true })
if (!existsSync(installed)) {
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n')
  const result = await execute('npm', ['install', '--silent', '--no-save', '--no-package-lock', ...packages], project)
  if (!result.succeeded) throw new Error(result.output)
  writeFileSync(installed, '')
}
const entries = readEntries() as Readonly<Record<string, string>>
const alias = Object.fromEntries(
  readPlatformImports().map(({ specifier, node }) => [specifier, `${root}${entries[node]}`]),
)
const outfile = join(project, 'program.mjs')
await build({
  entryPoints: [`${root}test/mcp/conformance/program.ts`],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  outfile,
  alias,
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
})
const suite = join(project, 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js')
const { succeeded, output } = await execute(join(project, 'node_modules', '.bin', 'node'), [outfile, suite], project)
console.log(output.trim())
if (!succeeded) process.exitCode = 1
