import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { root } from './setup/entries.ts'
import { unreachedStatements } from './setup/reach.ts'
import { listPages, readAllSources, readSources, readTests, titlesAbout } from './setup/source.ts'

const requirement = /^\*\*([A-Z]{3}-\d{2})\*\* /gm
const identifier = /\b[A-Z]{3}-\d{2}\b(?!-)/g
/** Names of standards that look like the identifier of a requirement. */
const standards = new Set(['UTF-16', 'UTF-32'])

const pages = listPages().map((path) => ({ path, text: readFileSync(root + path, 'utf8') }))
const sources = readAllSources()
const titles = titlesAbout(/\b[A-Z]{3}-\d{2}\b/, [...readTests(), ...readSources('examples')])

describe('requirements', () => {
  const stated = pages.flatMap(({ path, text }) =>
    [...text.matchAll(requirement)].map(([, id]) => ({ path, id: id ?? '' })),
  )
  const ids = new Set(stated.map(({ id }) => id))
  // The cases of `procura/testing` name what they test.
  const enforced = mentions(
    sources.filter(({ path }) => !path.startsWith('src/testing/')).map(({ path, text }) => ({ path, text })),
  )
  const tested = mentions(titles.map(({ path, title }) => ({ path, text: title })))

  it('are each stated once', () => {
    const again = stated.filter(({ id }, index) => stated.findIndex((other) => other.id === id) < index)
    expect(again.map(({ id, path }) => `${id}: ${path}`)).toEqual([])
  })

  it('are short: about 80 words, and one subject', () => {
    const paragraphs = pages.flatMap(({ text }) => text.split(/\n\s*\n|\n(?=\*\*[A-Z]{3}-\d{2}\*\* )/))
    const long = paragraphs.filter((text) => /^\*\*[A-Z]{3}-\d{2}\*\* /.test(text) && text.split(/\s+/).length > 90)
    expect(long.map((text) => text.slice(0, 40))).toEqual([])
  })

  it('are each enforced in one source file', () => {
    const faults = [...ids].map((id) => ({ id, files: [...(enforced.get(id) ?? [])] }))
    const wrong = faults.filter(({ files }) => files.length !== 1)
    expect(wrong.map(({ id, files }) => `${id}: ${files.length > 0 ? files.join(', ') : 'in no source file'}`)).toEqual(
      [],
    )
  })

  it('are enforced in code that an entry point leads to', () => {
    const dead = unreachedStatements().flatMap(({ file, node, names }) =>
      [...mentions([{ path: file.path, text: node.getFullText() }]).keys()].map(
        (id) => `${id}: ${file.path} (${names.join(', ')})`,
      ),
    )
    expect(dead).toEqual([])
  })

  it('are each in the title of a test', () => {
    expect([...ids].filter((id) => !tested.has(id))).toEqual([])
  })

  it('are stated when source files, tests or pages name them', () => {
    const unknown = [...enforced, ...tested, ...mentions(pages)].filter(([id]) => !ids.has(id))
    expect(unknown.map(([id, files]) => `${id}: ${[...files].join(', ')}`)).toEqual([])
  })
})

/** Identifiers in texts, each with the files that hold it. */
function mentions(texts: readonly { readonly path: string; readonly text: string }[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const { path, text } of texts) {
    for (const [id] of text.matchAll(identifier)) {
      if (standards.has(id)) continue
      found.set(id, (found.get(id) ?? new Set()).add(path))
    }
  }
  return found
}
