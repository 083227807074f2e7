import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decisionIndex, writeDecisionIndex } from './setup/decision-index.ts'
import { root } from './setup/entries.ts'
import { entryPage, writeEntryPage } from './setup/entry-page.ts'
import { listFiles, listPages } from './setup/source.ts'

const paths = [
  ...['CHANGELOG.md', 'CONTRIBUTING.md', 'README.md', 'SECURITY.md', 'llms.txt', 'packages/cli/README.md'],
  ...listPages(),
]
const pages = paths.map((path) => ({ path, text: readFileSync(root + path, 'utf8') }))

describe('pages', () => {
  it('name source files and folders that exist', () => {
    // The changelog is about earlier layouts too.
    const named = pages
      .filter(({ path }) => path !== 'CHANGELOG.md')
      .flatMap(({ path, text }) => sourcePathsOf(text).map((source) => ({ path, source })))
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter(({ source }) => !existsSync(root + source))).toEqual([])
  })

  it('link to pages and headings that exist', () => {
    const links = pages.flatMap(({ path, text }) => linksOf(text).map((link) => ({ path, link })))
    expect(links.length).toBeGreaterThan(10)
    expect(links.filter(({ path, link }) => !leadsSomewhere(path, link))).toEqual([])
  })

  it('list every decision with its title: npm run pages writes the list', () => {
    expect(readFileSync(root + decisionIndex, 'utf8')).toBe(writeDecisionIndex())
  })

  it('list every entry point: npm run pages writes the list', () => {
    expect(readFileSync(root + entryPage, 'utf8')).toBe(writeEntryPage())
  })

  it('keep the README short', () => {
    expect(readFileSync(`${root}README.md`, 'utf8').trim().split(/\s+/).length).toBeLessThanOrEqual(1_800)
  })

  it('list every guide', () => {
    const index = readFileSync(`${root}spec/guides/README.md`, 'utf8')
    const guides = listFiles('spec/guides', '.md').map((path) => path.slice('spec/guides/'.length))
    expect(guides.filter((file) => file !== 'README.md' && !index.includes(`](${file})`))).toEqual([])
  })

  it('have code in the languages that the documentation site highlights: it is not made with another one', () => {
    const { highlightLanguages } = JSON.parse(readFileSync(`${root}typedoc.json`, 'utf8'))
    const known = new Set<string>([...highlightLanguages, 'js', 'sh', 'ts'])
    const languages = pages.flatMap(({ text }) => [...text.matchAll(/^ *```(\w+)/gm)].map(([, language]) => language))
    expect(languages.length).toBeGreaterThan(10)
    expect(languages.filter((language) => !known.has(String(language)))).toEqual([])
  })

  it('are read for paths and links', () => {
    expect(sourcePathsOf('`src/a/b.ts`, `src/c/` and `src/{d,e}/*.ts`; not `src`')).toEqual([
      'src/a/b.ts',
      'src/c/',
      'src/d',
      'src/e',
    ])
    expect(linksOf('[a](b.md#c), [d](https://example.com) and `[e](f)`')).toEqual(['b.md#c'])
    expect(leadsSomewhere('spec/README.md', 'audit.md#records')).toBe(true)
    expect(leadsSomewhere('spec/README.md', 'audit.md#no-such-heading')).toBe(false)
    expect(leadsSomewhere('spec/README.md', 'no-such-page.md')).toBe(false)
  })
})

/** Paths under `src/`, with braces expanded; of a pattern, the folder before the star. */
function sourcePathsOf(text: string): string[] {
  return [...text.matchAll(/(?:\bpackages\/cli\/)?\bsrc\/[\w./{},*-]*[\w/}*]/g)].flatMap(([path]) => {
    const [, before = '', choices = '', after = ''] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(path) ?? []
    const expanded = choices === '' ? [path] : choices.split(',').map((choice) => before + choice + after)
    return expanded.map((one) => one.replace(/\/[^/]*\*.*$/, ''))
  })
}

/** Targets of links within the repository. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => (/^[a-z]+:/.test(target) ? [] : [target]))
}

function leadsSomewhere(page: string, link: string): boolean {
  const [file = '', anchor] = link.split('#')
  const target = file === '' ? page : posix.join(posix.dirname(page), file)
  if (!existsSync(root + target)) return false
  return anchor === undefined || headingsOf(readFileSync(root + target, 'utf8')).includes(anchor)
}

/** Anchors of the headings of a page, as GitHub makes them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
