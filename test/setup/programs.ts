// node only: runs programs

/**
 * Runs the examples and the code blocks of pages against the built package, and compares their output with their
 * comments.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { inCi } from '../property/runs.ts'
import { root } from './entries.ts'

/** A program and its documented output: the `//` comments at its end. */
export interface Program {
  /** Name of a file, without its ending. */
  readonly name: string
  readonly text: string
  readonly expected: readonly string[]
}

/** A page of prose has `ts` code blocks; each is a program. */
export function programsOf(page: string, markdown: string): readonly Program[] {
  return [...markdown.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text = ''], index) =>
    programOf(`${page}-${index + 1}`, text),
  )
}

/** Takes a program apart. */
export function programOf(name: string, text: string): Program {
  const lines = text.trimEnd().split('\n')
  const start = lines.findLastIndex((line) => !line.startsWith('//')) + 1
  return { name, text, expected: lines.slice(start).map((line) => line.replace(/^\/\/ ?/, '')) }
}

/** Comes before the output of each program. */
const beginning = '\u0000 next program\n'

/**
 * Runs programs inside the package, so that they import it by name, and returns the lines that each of them printed.
 * Each has a process of its own where `CI` is set. Otherwise one process runs them in turn, and loads the package once.
 */
export async function runAll(programs: readonly Program[]): Promise<ReadonlyMap<string, readonly string[]>> {
  mkdirSync(`${root}test/.programs`, { recursive: true })
  const folder = mkdtempSync(`${root}test/.programs/run-`)
  try {
    for (const { name, text } of programs) {
      // The types are taken out here: a process that compiles takes three times as long to start.
      const { code } = await transform(text, { loader: 'ts', format: 'esm', target: 'node20', tsconfigRaw: '{}' })
      writeFileSync(join(folder, `${name}.mjs`), code)
    }
    const names = programs.map(({ name }) => name)
    const outputs = inCi ? await runApart(folder, names) : await runInTurn(folder, names)
    return new Map(names.map((name, index) => [name, (outputs[index] ?? '').trimEnd().split('\n')]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function runApart(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const outputs: string[] = []
  for (const name of names) outputs.push(await run(folder, name))
  return outputs
}

async function runInTurn(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const lines = names.map((name) => `process.stdout.write(${JSON.stringify(beginning)})\nawait import('./${name}.mjs')`)
  const errors = 'process.stderr.write = process.stdout.write.bind(process.stdout)'
  writeFileSync(join(folder, 'all.mjs'), [errors, ...lines].join('\n'))
  return (await run(folder, 'all')).split(beginning).slice(1)
}

async function run(folder: string, name: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, `${name}.mjs`)], { cwd: root })
  return stdout + stderr
}
