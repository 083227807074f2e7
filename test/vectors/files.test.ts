import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { VectorFile } from '../../spec/vectors/generator/vector.ts'
import { vectorFiles } from '../../spec/vectors/generator/vector-files.ts'
import { root } from '../setup/entries.ts'
import { listFiles } from '../setup/source.ts'
import { readVectors } from './read.ts'

const files = ['valid.json', 'hostile.json', 'ucanto.json'] as const
const stated = new Set(
  listFiles('spec', '.md').flatMap((path) =>
    [...readFileSync(root + path, 'utf8').matchAll(/^\*\*([A-Z]{3}-\d{2})\*\* /gm)].map(([, id]) => id),
  ),
)

describe('vector files', () => {
  it('come out of their generator byte for byte', async () => {
    const written = await vectorFiles()
    expect(Object.keys(written)).toEqual([...files])
    // Compared as booleans: a difference of a megabyte is useless as a message.
    for (const name of files) {
      expect(written[name] === readFileSync(`${root}spec/vectors/${name}`, 'utf8'), name).toBe(true)
    }
  })

  for (const name of files) {
    it(`${name} conforms to schema.json`, () => {
      const schema = JSON.parse(readFileSync(`${root}spec/vectors/schema.json`, 'utf8'))
      const file = JSON.parse(readFileSync(`${root}spec/vectors/${name}`, 'utf8')) as VectorFile
      const check = z.fromJSONSchema(schema)
      expect(check.safeParse({ ...file, version: 2 }).success).toBe(false)
      expect(check.safeParse({ ...file, cases: [{ ...file.cases[0], more: 1 }] }).success).toBe(false)
      expect(check.safeParse(file).error?.issues ?? []).toEqual([])
    })

    it(`${name} names each case once`, () => {
      const names = readVectors(name).map((vector) => vector.name)
      expect(names.filter((text, at) => names.indexOf(text) < at)).toEqual([])
    })

    it(`${name} names requirements that there are`, () => {
      const unknown = readVectors(name).filter(({ requirement }) => !stated.has(requirement))
      expect(unknown.map(({ name, requirement }) => `${requirement}: ${name}`)).toEqual([])
    })
  }

  it('contain as many hostile cases and faults as their page states', () => {
    const page = readFileSync(`${root}spec/vectors/README.md`, 'utf8')
    const hostile = readVectors('hostile.json')
    const faults = new Set(hostile.map(({ fault }) => fault))
    expect(/(\d+) cases that are in order/.exec(page)?.[1]).toBe(`${readVectors('valid.json').length}`)
    expect(/(\d+) calls in UCAN 0\.9\.1/.exec(page)?.[1]).toBe(`${readVectors('ucanto.json').length}`)
    expect(/(\d+ cases of \d+ faults)/.exec(page)?.[1]).toBe(`${hostile.length} cases of ${faults.size} faults`)
    expect(hostile.every(({ expected, fault }) => !expected.allowed && fault !== undefined)).toBe(true)
    expect(readVectors('valid.json').every(({ expected, fault }) => expected.allowed && fault === undefined)).toBe(true)
  })
})
