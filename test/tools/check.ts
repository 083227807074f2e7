// node only: runs programs

/**
 * `npm run check`: everything that can be said about the package without running its tests. Prints one line a step, and
 * what a failed step printed. With names as arguments, runs those steps alone.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setup as build } from '../setup/build.ts'
import { isPublic, pathsOf, readEntries, root, specifierOf } from '../setup/entries.ts'
import { readSources } from '../setup/source.ts'

interface Step {
  readonly name: string
  readonly what: string
  /** Resolves with a fault in words, or undefined. */
  run(): Promise<string | undefined>
}

const scratch = mkdtempSync(join(tmpdir(), 'procura-check-'))

const steps: readonly Step[] = [
  { name: 'types', what: 'sources, tests, examples', run: () => npx('tsc', '-p', '.') },
  { name: 'portable', what: 'portable sources without Node', run: checkPortable },
  {
    name: 'lint',
    what: 'format and lint',
    run: () => npx('biome', 'ci', '--config-path=test/lint.json', '--max-diagnostics=50', '.'),
  },
  { name: 'layers', what: 'layers and requirement ids', run: checkLayers },
  { name: 'docs', what: 'every export documented, every link resolves', run: checkDocs },
  { name: 'unused', what: 'unused files, exports and dependencies', run: () => npx('knip', '--no-progress') },
  { name: 'package', what: 'manifest, files and declarations as published', run: checkPackage },
  { name: 'consumer', what: 'declarations in a strict project of somebody else', run: checkConsumer },
]

process.exitCode = await main(process.argv.slice(2))

async function main(names: readonly string[]): Promise<number> {
  try {
    build()
    let failed = 0
    for (const step of steps.filter(({ name }) => names.length === 0 || names.includes(name))) {
      const start = performance.now()
      const fault = await step.run()
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      console.log(`${fault === undefined ? 'ok    ' : 'FAILED'} ${step.name.padEnd(9)} ${step.what} (${seconds} s)`)
      if (fault !== undefined) {
        failed += 1
        console.log(fault)
      }
    }
    return failed === 0 ? 0 : 1
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Compiles the files that need no Node where `Buffer`, `process` and `node:` do not exist. */
function checkPortable(): Promise<string | undefined> {
  return compile('portable', {
    extends: `${root}tsconfig.json`,
    compilerOptions: { types: [], paths: absolutePaths() },
    include: [],
    files: readSources('src')
      .filter((file) => !file.nodeOnly)
      .map((file) => root + file.path),
  })
}

function absolutePaths(): Record<string, string[]> {
  const paths = Object.entries(pathsOf(readEntries(), 'web'))
  return Object.fromEntries(paths.map(([find, files]) => [find, files.map((file) => root + file)]))
}

function checkLayers(): Promise<string | undefined> {
  const tests = ['test/architecture.test.ts', 'test/requirements.test.ts']
  return npx('vitest', 'run', '--config', 'test/vitest.config.ts', ...tests)
}

function checkDocs(): Promise<string | undefined> {
  return npx('typedoc', '--emit', 'none')
}

/** Packs what would be published and asks two linters about it. */
async function checkPackage(): Promise<string | undefined> {
  const packed = await execute('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', scratch])
  if (packed !== undefined) return packed
  const archive = join(scratch, readdirSync(scratch).find((file) => file.endsWith('.tgz')) ?? '')
  return (
    (await npx('publint', 'run', archive, '--strict')) ?? npx('attw', archive, '--profile', 'esm-only', '--no-emoji')
  )
}

/**
 * Compiles a project that imports every entry point, with `skipLibCheck` off: our declarations may not lean on types
 * that a consumer lacks. Portable entry points are compiled without the types of Node.
 */
async function checkConsumer(): Promise<string | undefined> {
  const folder = join(scratch, 'consumer')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(root, join(folder, 'node_modules', 'procura'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const nodeOnly = new Set(readSources('src').flatMap((file) => (file.nodeOnly ? file.path : [])))
  const entries = Object.entries(readEntries()).filter(([name]) => isPublic(name))
  const imports = (wanted: boolean): string =>
    entries
      .filter(([, file]) => nodeOnly.has(file) === wanted)
      .map(([name], index) => `export * as entry${index} from '${specifierOf(name)}'\n`)
      .join('')
  writeFileSync(join(folder, 'portable.ts'), imports(false))
  writeFileSync(join(folder, 'node.ts'), imports(true))
  const options = {
    target: 'ES2022',
    module: 'NodeNext',
    lib: ['ES2023', 'DOM', 'DOM.Iterable', 'ESNext.Disposable'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
  }
  const bare = { compilerOptions: { ...options, types: [] }, files: [join(folder, 'portable.ts')] }
  const typeRoots = [`${root}node_modules/@types`]
  const node = { compilerOptions: { ...options, types: ['node'], typeRoots }, files: [join(folder, 'node.ts')] }
  return (await compile('consumer/portable', bare)) ?? compile('consumer/node', node)
}

function compile(name: string, config: object): Promise<string | undefined> {
  const path = join(scratch, `${name}.json`)
  writeFileSync(path, JSON.stringify(config))
  return npx('tsc', '-p', path)
}

function npx(program: string, ...parameters: readonly string[]): Promise<string | undefined> {
  return execute(`${root}node_modules/.bin/${program}`, parameters)
}

function execute(program: string, parameters: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    child.once('error', reject)
    child.once('close', (code) => resolve(code === 0 ? undefined : output))
  })
}
