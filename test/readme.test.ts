import { readFileSync } from 'node:fs'
import { transform } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'
import { root } from './setup/entries.ts'
import { programsOf, runAll } from './setup/programs.ts'

const programs = programsOf('README', readFileSync(`${root}README.md`, 'utf8'))

let printed: ReadonlyMap<string, readonly string[]>

beforeAll(async () => {
  printed = await runAll(programs)
}, 120_000)

describe('the README', () => {
  it('has programs, which contain their output', () => {
    expect(programs.length).toBeGreaterThan(0)
    for (const { name, expected } of programs) expect(expected.length, name).toBeGreaterThan(0)
  })

  for (const program of programs) {
    it(`has JavaScript without types in ${program.name}`, async () => {
      const { warnings } = await transform(program.text, { loader: 'js', format: 'esm', target: 'node20' })
      expect(warnings).toEqual([])
    })

    it(`shows the output of ${program.name}`, () => {
      expect(printed.get(program.name)).toEqual(program.expected)
    })
  }
})
