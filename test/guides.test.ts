import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { root } from './setup/entries.ts'
import { programsOf, run } from './setup/programs.ts'
import { listFiles } from './setup/source.ts'

const pages = [...listFiles('spec/guides', '.md').filter((path) => !path.endsWith('/README.md')), 'spec/budgets.md']

describe('the guides, and LMT-18 the page on budgets', () => {
  it('exist, each with one program and its output', () => {
    expect(pages.length).toBeGreaterThan(4)
    for (const path of pages) {
      const programs = programsOf('guide', readFileSync(root + path, 'utf8'))
      expect(
        programs.map(({ expected }) => expected.length > 0),
        path,
      ).toEqual([true])
    }
  })

  for (const path of pages) {
    const [program] = programsOf(`guide-${path.replace(/^.*\/|\.md$/g, '')}`, readFileSync(root + path, 'utf8'))
    if (program === undefined) continue
    it(`print the documented output: ${path}`, async () => {
      expect(await run(program)).toEqual(program.expected)
    })
  }
})
