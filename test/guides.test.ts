import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { root } from './setup/entries.ts'
import { programsOf, runAll } from './setup/programs.ts'
import { listFiles } from './setup/source.ts'

/**
 * The programs of the frameworks are run by `npm run test:frameworks`, the commands of wrap.md by packages/cli/test/cli/wrap/guide,
 * the program of processes.md, with a database, by test/services/processes.test.ts and kubernetes.test.ts, and the
 * clients of other-languages.md by test/services/other-languages.test.ts.
 */
const isElsewhere = (path: string): boolean =>
  /\/(?:README|wrap|processes|kubernetes|other-languages)\.md$|\/frameworks\//.test(path)

const pages = [...listFiles('spec/guides', '.md').filter((path) => !isElsewhere(path)), 'spec/budgets.md']

const programs = pages.map((path) => ({
  path,
  program: programsOf(`guide-${path.replace(/^.*\/|\.md$/g, '')}`, readFileSync(root + path, 'utf8'))[0],
}))

let printed: ReadonlyMap<string, readonly string[]>

beforeAll(async () => {
  printed = await runAll(programs.flatMap(({ program }) => program ?? []))
}, 120_000)

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

  for (const { path, program } of programs) {
    if (program === undefined) continue
    it(`print the documented output: ${path}`, () => {
      expect(printed.get(program.name)).toEqual(program.expected)
    })
  }
})

describe('the packages of a guide', () => {
  const guides = listFiles('spec/guides', '.md').filter(
    (path) => !/\/(?:README|wrap|kubernetes|other-languages)\.md$/.test(path),
  )

  it.each(guides)('are those that its first command installs: %s', (path) => {
    const text = readFileSync(root + path, 'utf8')
    const [, words = ''] = /^```sh\nnpm install ([^\n]*)$/m.exec(text) ?? []
    const [, program = ''] = /^```(?:js|ts)\n([\s\S]*?)^```$/m.exec(text) ?? []
    const imported = [...program.matchAll(/ from '([^']+)'$/gm)].map(([, specifier = '']) => specifier)
    const packages = imported
      .filter((specifier) => !specifier.startsWith('node:'))
      .map((specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/'))
      // A package of LangChain, which `langchain` depends on.
      .filter((name) => name !== '@langchain/core')
    expect(text.indexOf('npm install')).toBeLessThan(text.indexOf(program))
    expect(words.split(' ').sort()).toEqual([...new Set(packages)].sort())
  })
})

describe('the guides of frameworks', () => {
  const guides = listFiles('spec/guides/frameworks', '.md')

  it.each(guides)('have the program of their example: %s', (path) => {
    const name = path.replace(/^.*\/|\.md$/g, '')
    const [, program] = /^```js\n([\s\S]*?)^```$/m.exec(readFileSync(root + path, 'utf8')) ?? []
    expect(program).toBe(readFileSync(`${root}examples/frameworks/${name}.js`, 'utf8'))
    expect(readFileSync(`${root}examples/README.md`, 'utf8')).toContain(`(frameworks/${name}.js)`)
  })

  it('are those of every example', () => {
    const examples = listFiles('examples/frameworks', '.js')
    expect(guides.map((path) => path.replace(/^.*\/|\.md$/g, '')).sort()).toEqual(
      examples.map((path) => path.replace(/^.*\/|\.js$/g, '')).sort(),
    )
  })
})
