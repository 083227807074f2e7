// node only: installs and runs programs

/**
 * `npm run test:frameworks`: the adapters for agent frameworks, each with the framework and its own fake model, and the
 * programs of the guides. A word selects the cases and guides whose names contain it.
 *
 * The frameworks and a Node for them come from npm into a cache folder: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in
 * the user's. Their versions are part of the name of their folder.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { build } from 'esbuild'
import { platformAliases, readEntries, root, specifierOf } from '../setup/entries.ts'
import { programOf } from '../setup/programs.ts'
import { listFiles } from '../setup/source.ts'
import { execute } from './execute.ts'
import { installPackages } from './install-packages.ts'

const packages = [
  '@a2a-js/sdk@1.3.0',
  '@bufbuild/protobuf@2.17.0',
  '@grpc/grpc-js@1.14.7',
  '@anthropic-ai/claude-agent-sdk@0.3.332',
  '@langchain/core@1.4.0',
  '@langchain/langgraph@1.7.3',
  '@mastra/core@1.71.0',
  '@openai/agents-core@0.20.0',
  'ai6@npm:ai@6.0.326',
  'ai7@npm:ai@7.0.173',
  'express@5.3.0',
  'langchain@1.5.14',
  'node@22',
  'zod@4.6.7',
]
const external = [
  '@a2a-js/*',
  '@grpc/*',
  'express',
  '@anthropic-ai/*',
  '@langchain/*',
  '@mastra/*',
  '@openai/*',
  'ai6',
  'ai7',
  'langchain',
  'zod',
]

const project = await installPackages('frameworks', packages)
const entries = readEntries() as Readonly<Record<string, string>>
/** The sources of the package, and not what was built last. */
const sources = Object.fromEntries(Object.entries(entries).map(([name, file]) => [specifierOf(name), `${root}${file}`]))
const [chosen] = process.argv.slice(2)

/** Bundles a program with the sources of the package, and runs it beside the frameworks. */
async function runProgram(
  name: string,
  contents: string,
  resolveDir: string,
  words: readonly string[] = [],
): ReturnType<typeof execute> {
  const outfile = join(project, `${name}.mjs`)
  await build({
    stdin: { contents, resolveDir, loader: 'js' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    alias: {
      ...platformAliases(),
      ai: 'ai7',
      ...sources,
    },
    external,
  })
  return execute(join(project, 'node_modules', '.bin', 'node'), [outfile, ...words], project)
}

const folder = `${root}test/frameworks`
const cases = await runProgram(
  'program',
  readFileSync(`${folder}/program.mjs`, 'utf8'),
  folder,
  chosen === undefined ? [] : [chosen],
)
console.log(cases.output.trim())
if (!cases.succeeded) process.exitCode = 1

/** The adapters have the types that each framework takes, also in strict projects. */
if (chosen === undefined || 'strict'.includes(chosen)) {
  const file = 'adapters.ts'
  writeFileSync(join(project, file), readFileSync(`${folder}/strict/${file}`, 'utf8'))
  const compilerOptions = {
    ...{ target: 'ES2022', module: 'NodeNext', strict: true, noUncheckedIndexedAccess: true, noEmit: true },
    ...{ skipLibCheck: true, allowImportingTsExtensions: true, types: ['node'] },
    typeRoots: [`${root}node_modules/@types`],
    paths: Object.fromEntries(Object.entries(sources).map(([name, file]) => [name, [file]])),
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
  const { output } = await execute(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', '.'], project)
  // Sources of the package are compiled by `npm run check`.
  const faults = output.split('\n').filter((line) => line.startsWith(file))
  console.log(faults.length === 0 ? 'ok     strict types' : `FAILED strict types\n${faults.join('\n')}`)
  if (faults.length > 0) process.exitCode = 1
}

/** The programs of the guides print what their last comments show. */
for (const path of listFiles('spec/guides/frameworks', '.md')) {
  if (chosen !== undefined && !path.includes(chosen)) continue
  const name = posix.basename(path, '.md')
  const [, text = ''] = /^```js\n([\s\S]*?)^```$/m.exec(readFileSync(root + path, 'utf8')) ?? []
  const { expected } = programOf(name, text)
  const { output } = await runProgram(`guide-${name}`, text, root)
  const isSame = expected.length > 0 && output.trim() === expected.join('\n')
  console.log(isSame ? `ok     ${path}` : `FAILED ${path}\n${output.trim()}`)
  if (!isSame) process.exitCode = 1
}
