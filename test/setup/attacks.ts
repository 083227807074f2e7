// node only: reads the repository

/**
 * The catalogue of attacks, `spec/attacks.md`, and the tests whose titles name its rows (`[attack 5]`,
 * `[attacks 9-11]`).
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { root } from './entries.ts'
import { readTests, titlesAbout } from './source.ts'

/** The page, as a path from the root of the repository. */
export const attackPage = 'spec/attacks.md'

/** A row of the page. */
export interface AttackRow {
  readonly number: number
  /** Its cells: number, attack, defence, requirements, tests. */
  readonly cells: readonly string[]
}

/** A row that a title names. */
export interface AttackMark {
  readonly number: number
  /** File of the test, as a path from the root of the repository. */
  readonly path: string
  readonly title: string
}

/** Reads the page. */
export function readAttackPage(): string {
  return readFileSync(root + attackPage, 'utf8')
}

/** Rows of the page, in order. */
export function attackRows(page: string): readonly AttackRow[] {
  return page.split('\n').flatMap((line) => {
    const cells = cellsOf(line)
    return cells === undefined ? [] : [{ number: Number(cells[0]), cells }]
  })
}

/** Every row that the title of a test names. */
export function readAttackMarks(): readonly AttackMark[] {
  return titlesAbout(/\[attacks? /, readTests()).flatMap(({ path, title }) =>
    marksOf(title).map((number) => ({ number, path, title })),
  )
}

/** Numbers of rows that a text names. */
export function marksOf(text: string): readonly number[] {
  return [...text.matchAll(/\[attacks? ([\d, –-]+)\]/g)].flatMap(([, numbers = '']) =>
    numbers.split(',').flatMap(range),
  )
}

/** The page with the requirements and the tests of each row as the titles give them. */
export function writeAttackPage(page: string, marks: readonly AttackMark[]): string {
  return page
    .split('\n')
    .map((line) => {
      const [number, attack, defence] = cellsOf(line) ?? []
      if (number === undefined) return line
      const own = marks.filter((mark) => mark.number === Number(number))
      const requirements = sorted(own.flatMap(({ title }) => title.match(/\b[A-Z]{3}-\d{2}\b/g) ?? []))
      const tests = sorted(own.map(({ path }) => `\`${path.replace(/^test\//, '').replace(/(\.test)?\.ts$/, '')}\``))
      return `| ${[number, attack, defence, requirements.join(', '), tests.join(', ')].join(' | ')} |`
    })
    .join('\n')
}

function cellsOf(line: string): readonly string[] | undefined {
  if (!/^\| \d+ \|/.test(line)) return undefined
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}

function range(part: string): readonly number[] {
  const [first = Number.NaN, last = first] = part.split(/[–-]/).map(Number)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort()
}
