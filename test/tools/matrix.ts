// node only: installs and runs programs

/**
 * `npm run test:matrix`: the package, packed and installed as a user would, on other runtimes and under other compilers.
 * All back ends of all runtimes have to agree on every vector, and on every step of one whole flow.
 *
 * Runtimes and compilers come from npm into a cache folder: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in the user's.
 *
 * @module
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { setup as buildPackage } from '../setup/build.ts'
import { readEntries, root, specifierOf } from '../setup/entries.ts'
import { toHexJson } from '../setup/hex-suites.ts'
import type { SmokeReport } from '../setup/smoke.ts'
import { accepted, readSuites } from '../setup/vectors.ts'
import { writeConsumer } from './consumer.ts'
import { execute, pack } from './execute.ts'

interface Tool {
  readonly name: string
  /** What npm installs; absent for what runs this program. */
  readonly package?: string
  readonly binary: string
  readonly arguments: readonly string[]
}

const runtimes: readonly Tool[] = [
  { name: `node ${process.versions.node}`, binary: process.execPath, arguments: [] },
  { name: 'node 22', package: 'node@22', binary: 'node', arguments: [] },
  { name: 'node 24', package: 'node@24', binary: 'node', arguments: [] },
  { name: 'node 26', package: 'node@26', binary: 'node', arguments: [] },
  { name: 'bun 1', package: 'bun@1', binary: 'bun', arguments: ['run'] },
  { name: 'deno 2', package: 'deno@2', binary: 'deno', arguments: ['run', '-A', '--node-modules-dir=manual'] },
]
const compilers: readonly Tool[] = [
  { name: 'typescript 5.9', package: 'typescript@5.9', binary: 'tsc', arguments: ['-p'] },
  { name: 'typescript 6', package: 'typescript@6', binary: 'tsc', arguments: ['-p'] },
  { name: 'typescript 7', package: 'typescript@7', binary: 'tsc', arguments: ['-p'] },
]

const cache = process.env['PROCURA_MATRIX_CACHE'] ?? join(homedir(), '.cache', 'procura-matrix')
const project = join(cache, 'project')

process.exitCode = await main()

async function main(): Promise<number> {
  buildPackage()
  await installPackage()
  await writeProgram()
  const projects = writeConsumer(project)
  let expected: string | undefined
  let failed = 0
  for (const runtime of runtimes) {
    for (const { backend, verdicts, flow } of await runOn(runtime)) {
      const answer = JSON.stringify([verdicts, flow])
      expected ??= answer
      const isRight = Object.entries(verdicts).every(([name, letters]) => countOf(letters) === accepted[name])
      const counts = Object.values(verdicts).map(countOf).join(' ')
      const agrees = answer === expected && isRight
      print(runtime.name, agrees, `${backend}: ${counts} accepted, ${flow.length} decisions`)
      if (!agrees) failed += 1
    }
  }
  for (const compiler of compilers) {
    const runs = []
    for (const path of projects) runs.push(await execute(await find(compiler), [...compiler.arguments, path], project))
    const succeeded = runs.every((run) => run.succeeded)
    print(
      compiler.name,
      succeeded,
      succeeded ? 'declarations of every entry point' : runs.map((run) => run.output).join(''),
    )
    if (!succeeded) failed += 1
  }
  return failed === 0 ? 0 : 1
}

/** Installs the packed package, with its dependencies, into an empty project. */
async function installPackage(): Promise<void> {
  mkdirSync(project, { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n')
  const archive = await pack(cache)
  await install(project, archive)
}

async function install(folder: string, name: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const installed = await execute(
    'npm',
    ['install', '--silent', '--no-save', '--no-package-lock', '--prefix', folder, name],
    folder,
  )
  if (!installed.succeeded) throw new Error(`${name} could not be installed: ${installed.output}`)
}

async function writeProgram(): Promise<void> {
  await build({
    entryPoints: [`${root}test/tools/matrix-program.ts`],
    outfile: join(project, 'program.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    external: Object.keys(readEntries()).map(specifierOf),
    define: { hexSuites: toHexJson(readSuites()) },
    tsconfigRaw: '{}',
  })
}

async function runOn(runtime: Tool): Promise<readonly SmokeReport[]> {
  const { succeeded, stdout, output } = await execute(
    await find(runtime),
    [...runtime.arguments, join(project, 'program.mjs')],
    project,
  )
  if (!succeeded) throw new Error(`${runtime.name} failed: ${output}`)
  return JSON.parse(stdout) as SmokeReport[]
}

/** Installs a tool into the cache unless it is there, and returns its path. */
async function find(tool: Tool): Promise<string> {
  if (tool.package === undefined) return tool.binary
  const folder = join(cache, tool.package)
  const binary = join(folder, 'node_modules', '.bin', tool.binary)
  if (!(await execute(binary, ['--version']).catch(() => undefined))?.succeeded) await install(folder, tool.package)
  return binary
}

function countOf(letters: string): number {
  return letters.split('A').length - 1
}

function print(name: string, agrees: boolean, what: string): void {
  console.log(`${agrees ? 'ok    ' : 'FAILED'} ${name.padEnd(15)} ${what}`)
}
