import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isPublic, readEntries, root, specifierOf } from '../setup/entries.ts'

const site = mkdtempSync(join(tmpdir(), 'procura-site-'))
const pages = new Map<string, string>()

beforeAll(() => {
  execFileSync(`${root}node_modules/.bin/typedoc`, ['--out', site], { cwd: root, stdio: 'pipe' })
  for (const file of readdirSync(site, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.html')) pages.set(file, readFileSync(join(site, file), 'utf8'))
  }
}, 300_000)

afterAll(() => rmSync(site, { recursive: true, force: true }))

describe('the documentation site', () => {
  it('has a page for every entry point, under its import path', () => {
    const index = pages.get('modules.html') ?? ''
    const specifiers = Object.keys(readEntries()).filter(isPublic).map(specifierOf)
    const missing = specifiers.filter((specifier) => !pages.has(`modules/${specifier.replaceAll('/', '_')}.html`))
    expect(missing).toEqual([])
    expect(index).not.toContain('>index<')
  })

  it('has the guides, the specification and the examples', () => {
    for (const page of ['Guides', 'Where_keys_are', 'Specification', 'Vault', 'Examples', 'Decisions', 'Security']) {
      expect(pages.has(`documents/${page}.html`), page).toBe(true)
    }
  })

  it('finds words of pages and doc comments in its search', () => {
    expect(existsSync(join(site, 'assets/search.js'))).toBe(true)
    expect([...pages.values()].every((text) => text.includes('tsd-search'))).toBe(true)
  })

  it('has only valid links, to pages and to places in them', () => {
    const anchors = new Map([...pages].map(([file, text]) => [file, new Set(valuesOf(text, 'id'))]))
    const links = [...pages].flatMap(([file, text]) =>
      valuesOf(text, 'href').map((link) => ({ file, link: link.replaceAll('&amp;', '&') })),
    )
    expect(links.length).toBeGreaterThan(10_000)
    const broken = links.filter(({ file, link }) => {
      if (/^[a-z]+:/.test(link)) return false
      const [path = '', anchor = ''] = link.split('#').map(decodeURIComponent)
      const target = path === '' ? file : normalize(join(dirname(file), path))
      if (!existsSync(join(site, target))) return true
      return anchor !== '' && anchors.get(target)?.has(anchor) === false
    })
    expect(broken).toEqual([])
  })
})

function valuesOf(text: string, attribute: string): readonly string[] {
  return [...text.matchAll(new RegExp(`\\s${attribute}="([^"]+)"`, 'g'))].map(([, value = '']) => value)
}
