// node only: reads and writes files
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { afterAll, describe, expect, it } from 'vitest'
import { fromJson } from '../reference/dag-json.ts'
import { root } from '../setup/entries.ts'
import { readVectors } from '../vectors/read.ts'
import { questionOf } from '../vectors/reference-question.ts'
import { mutants } from './mutants-of-reference.ts'

type Chain = typeof import('../reference/chain.ts')
type Policy = typeof import('../reference/policy.ts')

/** Inside the project, so that the copies find its packages. */
const parent = `${root}node_modules/.mutants`
mkdirSync(parent, { recursive: true })
const folder = mkdtempSync(`${parent}/`)
afterAll(() => rmSync(parent, { recursive: true }))

const sources = readdirSync(`${root}test/reference`).filter((name) => !name.endsWith('.test.ts'))
const vectors = [...readVectors('valid.json'), ...readVectors('hostile.json')]
const policies = (
  JSON.parse(readFileSync(`${root}spec/vectors/policy.json`, 'utf8')) as {
    cases: { name: string; policy: unknown; args: unknown; expected: string }[]
  }
).cases.filter(({ expected }) => expected !== 'over_budget')

/** Writes the reference with some places changed, and loads it. */
async function load(name: string, changes: readonly (readonly [string, string, string])[]) {
  const target = join(folder, name)
  mkdirSync(target)
  for (const file of sources) {
    let text = readFileSync(`${root}test/reference/${file}`, 'utf8')
    for (const [, from, to] of changes.filter(([of]) => `${of}.ts` === file)) {
      expect(text.split(from).length, `places with \`${from}\` in ${file}`).toBe(2)
      text = text.replace(from, () => to)
    }
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
    })
    writeFileSync(
      join(target, file.replace(/ts$/, 'mjs')),
      outputText.replaceAll(/from '(\.\/[^']+)\.ts'/g, "from '$1.mjs'"),
    )
  }
  const read = (file: string): Promise<unknown> => import(/* @vite-ignore */ pathToFileURL(join(target, file)).href)
  return { chain: (await read('chain.mjs')) as Chain, policy: (await read('policy.mjs')) as Policy }
}

/** The name of the first vector that a reading answers otherwise; undefined if it passes all of them. */
function firstWrong({ chain, policy }: { chain: Chain; policy: Policy }): string | undefined {
  for (const { name, policy: statements, args, expected } of policies) {
    const verdict = String(policy.evaluatePolicy(fromJson(statements), fromJson(args)))
    if ((verdict === 'true') !== (expected === 'true')) return name
  }
  for (const vector of vectors) {
    const question = questionOf(vector, chain.replayKey)
    if (question !== undefined && chain.referenceAuthorize(question).allowed !== vector.expected.allowed)
      return vector.name
  }
  return undefined
}

describe('the vectors notice a verifier that', () => {
  it('is right, as one that passes all of them', async () => {
    expect(firstWrong(await load('right', []))).toBeUndefined()
  })

  for (const [at, [rule, ...changes]] of mutants.entries()) {
    it(rule, async () => {
      const noticed = firstWrong(await load(String(at), changes))
      expect(noticed, 'no vector has another verdict').toBeDefined()
      process.stdout.write(`${rule}: noticed by "${noticed}"\n`)
    })
  }
})
