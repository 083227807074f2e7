// node only: runs programs

/**
 * `npm run check`: every check of the package except its tests. Prints one line for each step, and the output of a
 * failed step. With names as arguments, runs those steps alone.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPackage } from '../setup/build.ts'
import { pathsOf, readEntries, root } from '../setup/entries.ts'
import { listFiles, readSources } from '../setup/source.ts'
import { writeConsumer } from './consumer.ts'
import { execute, pack } from './execute.ts'

interface Step {
  readonly name: string
  readonly what: string
  /** Whether it looks at `dist`. */
  readonly needsBuild?: true
  /** Resolves with a fault in words, or undefined. */
  run(): Promise<string | undefined>
}

const scratch = mkdtempSync(join(tmpdir(), 'procura-check-'))

const steps: readonly Step[] = [
  { name: 'types', what: 'sources, tests, examples', run: () => npx('tsc', '-p', '.') },
  { name: 'explicit', what: 'explicit types on exports', run: checkExplicitTypes },
  { name: 'portable', what: 'portable sources without Node', run: checkPortable },
  {
    name: 'lint',
    what: 'format and lint',
    run: () => npx('biome', 'ci', '--config-path=test/lint.json', '--colors=off', '--max-diagnostics=50', '.'),
  },
  { name: 'layers', what: 'layers and requirement ids', run: checkLayers },
  { name: 'docs', what: 'every export documented, every link resolves', run: checkDocs },
  {
    name: 'unused',
    what: 'unused files, exports and dependencies',
    run: () => npx('knip', '--no-progress'),
  },
  { name: 'dead', what: 'no export of the sources has tests as its only users', run: checkDeadCode },
  { name: 'package', what: 'manifest, files and declarations as published', needsBuild: true, run: checkPackage },
  { name: 'consumer', what: 'declarations in a strict project of somebody else', needsBuild: true, run: checkConsumer },
]

process.exitCode = await main(process.argv.slice(2))

async function main(names: readonly string[]): Promise<number> {
  try {
    const wanted = steps.filter(({ name }) => names.length === 0 || names.includes(name))
    if (wanted.some(({ needsBuild }) => needsBuild)) buildPackage()
    let failed = 0
    for (const step of wanted) {
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

/** Writes declarations, since only then the compiler asks for explicit types. */
function checkExplicitTypes(): Promise<string | undefined> {
  const project = join(scratch, 'explicit.json')
  const compilerOptions = {
    noEmit: false,
    emitDeclarationOnly: true,
    rootDir: root,
    outDir: join(scratch, 'explicit'),
    typeRoots: [`${root}node_modules/@types`],
  }
  writeFileSync(
    project,
    JSON.stringify({
      extends: `${root}tsconfig.json`,
      compilerOptions,
      include: [`${root}src`, `${root}packages/cli/src`],
    }),
  )
  return npx('tsc', '-p', project)
}

/** Compiles the files that need no Node where `Buffer`, `process` and `node:` do not exist. */
function checkPortable(): Promise<string | undefined> {
  const project = join(scratch, 'portable.json')
  const config = {
    extends: `${root}tsconfig.json`,
    compilerOptions: { types: [], paths: absolutePaths() },
    include: [],
    files: readSources('src')
      .filter((file) => !file.nodeOnly)
      .map((file) => root + file.path),
  }
  writeFileSync(project, JSON.stringify(config))
  return npx('tsc', '-p', project)
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

/**
 * Asks again with the entry points as the only users, since tests keep code alive that nothing else needs. An export
 * that its own file uses may be there for a test.
 */
function checkDeadCode(): Promise<string | undefined> {
  const config = join(scratch, 'knip.json')
  const own = { entry: ['src/entries/**/*.ts!'], project: ['src/**/*.ts!'] }
  const cli = { entry: ['src/{index,procura}.ts!'], project: ['src/**/*.ts!'] }
  const rules = { workspaces: { '.': own, 'packages/cli': cli }, ignoreExportsUsedInFile: true }
  writeFileSync(config, JSON.stringify(rules))
  return npx('knip', '--no-progress', '--production', '--include', 'files,exports,types', '--config', config)
}

/** Looks into the declarations, packs what would be published, and asks two linters about it. */
async function checkPackage(): Promise<string | undefined> {
  const declarations = [...listFiles('dist', '.d.ts'), ...listFiles('packages/cli/dist', '.d.ts')]
  const foreign = declarations.filter((file) =>
    /(?:from |import\()['"]@ucanto|reference types="node"/.test(readFileSync(root + file, 'utf8')),
  )
  if (foreign.length > 0) return `declared with the types of Node or of others: ${foreign.join(', ')}`
  for (const folder of [root, `${root}packages/cli`]) {
    const archive = await pack(scratch, folder)
    const excluded = ['--exclude-entrypoints', 'approval/page.html', 'schema/gateway.schema.json']
    const fault =
      (await npx('publint', 'run', archive, '--strict')) ??
      (await npx('attw', archive, '--profile', 'esm-only', '--no-emoji', ...excluded))
    if (fault !== undefined) return fault
  }
  return undefined
}

async function checkConsumer(): Promise<string | undefined> {
  const folder = join(scratch, 'consumer')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(root, join(folder, 'node_modules', 'procura'))
  for (const project of writeConsumer(folder)) {
    const fault = await npx('tsc', '-p', project)
    if (fault !== undefined) return fault
  }
  return undefined
}

async function npx(program: string, ...parameters: readonly string[]): Promise<string | undefined> {
  const { succeeded, output } = await execute(`${root}node_modules/.bin/${program}`, parameters)
  return succeeded ? undefined : output
}
