import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { describeMachine } from '../../bench/harness/machine.ts'
import { writeResults } from '../../bench/harness/results.ts'
import { failedTargets, standingOf, type Target, targets, targetsTable } from '../../bench/harness/targets.ts'

const most: Target = { claim: 'a cost', figure: 'cost', bound: 1.4 }
const least: Target = { claim: 'a rate', figure: 'rate', bound: 100, atLeast: true }

describe('standingOf', () => {
  test.each([
    [most, 1.4, 'met'],
    [most, 1.41, 'not met'],
    [most, Number.NaN, 'not measured'],
    [least, 100, 'met'],
    [least, 99.9, 'not met'],
  ] as const)('of %o with %d is %s', (target, value, standing) => {
    expect(standingOf(target, { [target.figure]: value })).toBe(standing)
  })

  test('of a figure that was not measured says so', () => {
    expect(standingOf(most, {})).toBe('not measured')
  })
})

describe('the targets', () => {
  test('have different figures and claims', () => {
    expect(new Set(targets.map(({ figure }) => figure)).size).toBe(targets.length)
    expect(new Set(targets.map(({ claim }) => claim)).size).toBe(targets.length)
  })

  test('fail when they are not met, and in a whole run when they were not measured', () => {
    const figures = { 'warm 3': 1.4, 'cold 3': 1.2, 'warm 20': Number.NaN }
    expect(failedTargets(figures, false).map(({ figure }) => figure)).toEqual(['warm 3'])
    const whole = failedTargets(figures, true).map(({ figure }) => figure)
    expect(whole).toContain('warm 20')
    expect(whole).not.toContain('cold 3')
    expect(whole).toHaveLength(targets.length - 1)
  })
})

describe('the page of results', () => {
  test('is one screen, with the machine, and shows a target that is not met as such', () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-results-'))
    try {
      const figures = { ...Object.fromEntries(targets.map(({ figure }) => [figure, 0.5])), 'cold 3': 1.43 }
      const machine = { ...describeMachine(), processor: 'a processor' }
      writeResults(folder, { machine, targets: targetsTable(figures), tables: [] })
      const page = readFileSync(join(folder, 'RESULTS.md'), 'utf8')
      expect(page.split('\n').length).toBeLessThan(55)
      expect(page).toContain('a processor, ')
      expect(page).toContain('| cold decision / its 4 verifications | 1.43 | ≤ 1.28 | not met |')
      expect(page).toContain('| warm decision / its 1 verification | 0.5 | ≤ 1.15 | met |')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
