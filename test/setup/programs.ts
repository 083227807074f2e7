// node only: runs programs

/**
 * Runs the examples and the code blocks of pages against the built package, and compares their output with their
 * comments.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
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

/** Runs a program inside the package, so that it imports it by name, and returns the lines printed. */
export async function run({ name, text }: Program): Promise<readonly string[]> {
  const folder = `${root}test/.programs/`
  mkdirSync(folder, { recursive: true })
  // The types are taken out here: a process that compiles takes three times as long to start.
  const { code } = await transform(text, { loader: 'ts', format: 'esm', target: 'node20', tsconfigRaw: '{}' })
  const file = `${folder}${name}.mjs`
  writeFileSync(file, code)
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: root })
    return (stdout + stderr).trimEnd().split('\n')
  } finally {
    rmSync(file)
  }
}
