import { readdirSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { root } from './setup/entries.ts'
import { programOf, runAll } from './setup/programs.ts'

const programs = readdirSync(`${root}examples`)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => programOf(file.replace(/\.ts$/, ''), readFileSync(`${root}examples/${file}`, 'utf8')))

let printed: ReadonlyMap<string, readonly string[]>

beforeAll(async () => {
  printed = await runAll(programs)
}, 120_000)

describe('examples', () => {
  it('exist, and contain their output', () => {
    expect(programs.length).toBeGreaterThan(0)
    for (const { name, expected } of programs) expect(expected.length, name).toBeGreaterThan(0)
  })

  for (const program of programs) {
    it(`print the documented output: ${program.name}`, () => {
      expect(printed.get(program.name)).toEqual(program.expected)
    })
  }
})
