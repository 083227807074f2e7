import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isPublic, readEntries, root, specifierOf } from './setup/entries.ts'

const page = readFileSync(`${root}llms.txt`, 'utf8')
const entries = [...Object.keys(readEntries()).filter(isPublic).map(specifierOf), 'procura-cli']
const lines = [...page.matchAll(/^- `(procura[\w/-]*)`: (.+)$/gm)].map(([, specifier = '', about = '']) => ({
  specifier,
  about,
}))

describe('llms.txt', () => {
  it('lists every entry point of the packages once, and no other', () => {
    expect(lines.map(({ specifier }) => specifier).sort()).toEqual([...entries].sort())
  })

  it('names only exports that the entry point has', { timeout: 120_000 }, async () => {
    const faults: string[] = []
    for (const { specifier, about } of lines) {
      const names = [...about.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
      if (names.length === 0) continue
      const exported = (await import(/* @vite-ignore */ specifier)) as Readonly<Record<string, unknown>>
      faults.push(...names.filter((name) => !(name in exported)).map((name) => `${specifier}: ${name}`))
    }
    expect(faults).toEqual([])
  })

  it('is a short map', () => {
    expect(page.length).toBeLessThan(10_000)
  })
})
