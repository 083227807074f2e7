import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { attackRows, marksOf, readAttackMarks, readAttackPage, writeAttackPage } from './setup/attacks.ts'
import { root } from './setup/entries.ts'
import { readTests } from './setup/source.ts'

const page = readAttackPage()
const rows = attackRows(page)
const marks = readAttackMarks()

describe('the catalogue of attacks', () => {
  it('numbers its rows from 1, each with an attack and a defence', () => {
    expect(rows.map(({ number }) => number)).toEqual(rows.map((_, index) => index + 1))
    expect(rows.length).toBeGreaterThan(90)
    const incomplete = rows.filter(({ cells }) => cells.length !== 5 || cells[1] === '' || cells[2] === '')
    expect(incomplete.map(({ number }) => number)).toEqual([])
  })

  it('has the row of every mark in the title of a test', () => {
    const known = new Set(rows.map(({ number }) => number))
    const unknown = marks.filter(({ number }) => !known.has(number))
    expect(unknown.map(({ path, title }) => `${path}: ${title}`)).toEqual([])
  })

  it('has a test for every row, or a reason in the threat model', () => {
    const reasons = marksOf(readFileSync(`${root}spec/threat-model.md`, 'utf8'))
    const covered = new Set([...marks.map(({ number }) => number), ...reasons])
    expect(rows.filter(({ number }) => !covered.has(number)).map(({ number }) => number)).toEqual([])
  })

  it('names the present requirements and test files; npm run pages writes them', () => {
    expect(page).toBe(writeAttackPage(page, marks))
  })

  it('is found stale when a test is added, moved or loses its mark', () => {
    const [first, ...rest] = marks
    if (first === undefined) throw new Error('no marks')
    const changes = [
      [...marks, { ...first, path: 'test/new.test.ts' }],
      marks.map((mark) => ({ ...mark, path: mark.path.replace('test/', 'test/moved/') })),
      rest.filter(({ number, path }) => number !== first.number || path !== first.path),
    ]
    for (const changed of changes) expect(writeAttackPage(page, changed)).not.toBe(page)
  })

  it('sees every mark: no text but the title of a test has one', () => {
    const texts = readTests().filter(({ path }) => path !== 'test/setup/attacks.ts')
    expect(texts.flatMap(({ text }) => marksOf(text)).length).toBe(marks.length)
  })
})
