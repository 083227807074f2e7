import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compile } from './setup/compile.ts'
import { root } from './setup/entries.ts'
import { programsOf } from './setup/programs.ts'
import { listFiles } from './setup/source.ts'

const pages = ['README.md', ...listFiles('spec', '.md').filter((path) => !path.startsWith('spec/decisions/'))]
const programs = pages.flatMap((path) =>
  programsOf(path.replace(/\.md$/, '').replaceAll('/', '-'), readFileSync(root + path, 'utf8')),
)

describe('programs in pages', () => {
  it('compile under the strict options of the project', () => {
    expect(programs.length).toBeGreaterThan(7)
    expect(compile(programs)).toEqual([])
  })

  it('are checked: a misspelt option is found, with its line', () => {
    const text = "import { generateSigner } from 'procura'\nawait generateSigner({ algoritm: 'Ed25519' })\n"
    expect(compile([{ name: 'misspelt', text, expected: [] }])).toEqual([expect.stringMatching(/^misspelt\.ts:2 /)])
  })
})
