// node only: installs and runs programs

/**
 * `npm run test:matrix`: the packages, packed and installed as a user would, on other runtimes and under other
 * compilers. All back ends of all runtimes have to agree on every vector of signatures and of tokens, whatever was
 * decided before, and on every step of one whole flow. On those with files, the program `procura` runs a gateway
 * between a client and a server.
 *
 * Runtimes and compilers come from npm into a cache folder: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in the user's.
 *
 * @module
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, build } from 'esbuild'
import { buildPackage } from '../setup/build.ts'
import { expectedWords } from '../setup/decisions.ts'
import { readEntries, root, specifierOf } from '../setup/entries.ts'
import { toHexJson } from '../setup/hex-suites.ts'
import type { SmokeReport } from '../setup/smoke.ts'
import { accepted, readSuites } from '../setup/vectors.ts'
import { readVectors } from '../vectors/read.ts'
import { writeConsumer } from './consumer.ts'
import { type Execution, execute, pack } from './execute.ts'
import { cache } from './install-packages.ts'
import { checkGateway } from './matrix-gateway.ts'

const project = join(cache, 'project')
const program = join(project, 'program.mjs')
const worker = join(project, 'worker.js')

const tokenVectors = [...readVectors('valid.json'), ...readVectors('hostile.json')]
const expectedDecisions = JSON.stringify(expectedWords(tokenVectors))

interface Tool {
  readonly name: string
  /** The npm package; absent for the runtime of this program. */
  readonly package?: string
  /** The command line, given the folder in which npm has installed the package, and the script for a runtime. */
  command(bin: string, script: string): readonly [program: string, ...parameters: string[]]
  /** Whether it runs the program `procura`. */
  readonly runsProcura?: true
}

const runtimes: readonly Tool[] = [
  { name: `node ${process.versions.node}`, command: (_, script) => [process.execPath, script], runsProcura: true },
  ...[22, 24, 26].map(
    (major): Tool => ({
      name: `node ${major}`,
      package: `node@${major}`,
      command: (bin, script) => [`${bin}/node`, script],
      runsProcura: true,
    }),
  ),
  { name: 'bun 1', package: 'bun@1', command: (bin, script) => [`${bin}/bun`, 'run', script], runsProcura: true },
  {
    name: 'deno 2',
    package: 'deno@2',
    command: (bin, script) => [`${bin}/deno`, 'run', '-A', '--node-modules-dir=manual', script],
    runsProcura: true,
  },
  {
    name: 'workerd',
    package: 'miniflare@4.20260426.0',
    command: (bin) => [process.execPath, `${root}test/tools/matrix-miniflare.mjs`, bin, worker],
  },
]
const compilers: readonly Tool[] = ['5.9', '6', '7'].map((version) => ({
  name: `typescript ${version}`,
  package: `typescript@${version}`,
  command: (bin) => [`${bin}/tsc`, '-p'],
}))

process.exitCode = await main()

async function main(): Promise<number> {
  buildPackage()
  await installPackage()
  await writePrograms()
  const duplicates = repeatedPackages()
  print('npm', duplicates.length === 0, duplicates.join(', ') || 'no package twice, and at most 16')
  const projects = writeConsumer(project)
  let expected: string | undefined
  let failed = duplicates.length === 0 ? 0 : 1
  for (const runtime of runtimes) {
    for (const { backend, verdicts, decisions, flow } of await reportsOf(runtime)) {
      const answer = JSON.stringify([verdicts, flow])
      expected ??= answer
      const isRight =
        Object.entries(verdicts).every(([name, letters]) => countOf(letters) === accepted[name]) &&
        JSON.stringify(decisions) === expectedDecisions
      const counts = Object.values(verdicts).map(countOf).join(' ')
      const agrees = answer === expected && isRight
      print(
        runtime.name,
        agrees,
        `${backend}: ${counts} signatures accepted, ${decisions.length + flow.length} decisions`,
      )
      if (!agrees) failed += 1
    }
  }
  for (const runtime of runtimes.filter(({ runsProcura }) => runsProcura)) {
    const fault = await gatewayOn(runtime)
    print(runtime.name, fault === undefined, fault ?? 'procura serve, connect, hook and audit verify')
    if (fault !== undefined) failed += 1
  }
  for (const compiler of compilers) {
    const runs: Execution[] = []
    for (const path of projects) runs.push(await run(compiler, path))
    const succeeded = runs.every((run) => run.succeeded)
    print(compiler.name, succeeded, succeeded ? 'declarations of every entry point' : outputOf(runs))
    if (!succeeded) failed += 1
  }
  return failed === 0 ? 0 : 1
}

/** Installs the packed package, with its dependencies, into an empty project. */
async function installPackage(): Promise<void> {
  mkdirSync(project, { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n')
  await install(project, await pack(cache), await pack(cache, `${root}packages/cli`))
}

async function install(folder: string, ...names: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const installed = await execute(
    'npm',
    ['install', '--silent', '--no-save', '--no-package-lock', '--prefix', folder, ...names],
    folder,
  )
  if (!installed.succeeded) throw new Error(`${names.join(' and ')} could not be installed: ${installed.output}`)
}

/** Packages that the installation has in several versions, and the number of packages if there are too many. */
function repeatedPackages(): readonly string[] {
  const tree = JSON.parse(readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, unknown>>
  }
  const names = Object.keys(tree.packages).map((place) => place.split('node_modules/').at(-1) as string)
  const repeated = names.filter((name, index) => names.indexOf(name) < index)
  return names.length > 16 ? [...repeated, `${names.length} packages`] : repeated
}

/** Bundles the program for runtimes that resolve the package by themselves, and one for workerd that holds it. */
async function writePrograms(): Promise<void> {
  const options: BuildOptions = {
    bundle: true,
    target: 'es2022',
    define: { hexSuites: toHexJson(readSuites()), tokenVectors: JSON.stringify(tokenVectors) },
    tsconfigRaw: '{}',
    logLevel: 'error',
  }
  await build({
    ...options,
    entryPoints: [`${root}test/tools/matrix-program.ts`],
    outfile: program,
    format: 'esm',
    platform: 'neutral',
    external: Object.keys(readEntries()).map(specifierOf),
  })
  await build({
    ...options,
    entryPoints: [`${root}test/tools/matrix-worker.ts`],
    outfile: worker,
    format: 'iife',
    platform: 'browser',
    conditions: ['workerd', 'worker'],
    nodePaths: [join(project, 'node_modules')],
  })
}

async function reportsOf(runtime: Tool): Promise<readonly SmokeReport[]> {
  const { succeeded, stdout, output } = await run(runtime)
  if (!succeeded) throw new Error(`${runtime.name} failed: ${output}`)
  return JSON.parse(stdout) as SmokeReport[]
}

/** Runs a tool in the project. */
async function run(tool: Tool, ...more: readonly string[]): Promise<Execution> {
  const [path, ...parameters] = await commandOf(tool, program)
  return execute(path, [...parameters, ...more], project)
}

/** The command line of a tool, which is installed into the cache unless it is there. */
async function commandOf(tool: Tool, script: string): Promise<readonly [string, ...string[]]> {
  const folder = join(cache, tool.package ?? '')
  if (tool.package !== undefined && !existsSync(join(folder, 'installed'))) {
    await install(folder, tool.package)
    writeFileSync(join(folder, 'installed'), '')
  }
  return tool.command(join(folder, 'node_modules', '.bin'), script)
}

/** Why the program of the installed package does not work on a runtime; undefined when it does. */
async function gatewayOn(runtime: Tool): Promise<string | undefined> {
  const script = join(project, 'node_modules', 'procura-cli', 'dist', 'procura.js')
  return checkGateway(await commandOf(runtime, script)).then(
    () => undefined,
    (error: unknown) => String(error),
  )
}

function outputOf(runs: readonly Execution[]): string {
  return runs.map((run) => run.output).join('')
}

function countOf(letters: string): number {
  return letters.split('A').length - 1
}

function print(name: string, agrees: boolean, what: string): void {
  console.log(`${agrees ? 'ok    ' : 'FAILED'} ${name.padEnd(15)} ${what}`)
}
