import { describe, expect, test } from 'vitest'
import { failedTargets, standingOf, type Target, targets, targetsTable } from '../../bench/harness/targets.ts'

const most: Target = { what: 'a cost', figure: 'cost', bound: 1.4 }
const least: Target = { what: 'a rate', figure: 'rate', bound: 100, atLeast: true }

describe('standingOf', () => {
  test.each([
    [most, 1.4, 'reached'],
    [most, 1.41, 'within margin'],
    [most, 1.53, 'within margin'],
    [most, 1.55, 'missed'],
    [most, Number.NaN, 'not measured'],
    [least, 100, 'reached'],
    [least, 91, 'within margin'],
    [least, 90, 'missed'],
  ] as const)('of %o with %d is %s', (target, value, standing) => {
    expect(standingOf(target, { [target.figure]: value })).toBe(standing)
  })

  test('of a figure that was not measured says so', () => {
    expect(standingOf(most, {})).toBe('not measured')
  })

  test('of a target with a known reason has its bound until the reason is gone', () => {
    const target: Target = { ...most, accepted: { bound: 2, reason: 'known' } }
    expect(standingOf(target, { cost: 1.4 })).toBe('reached')
    expect(standingOf(target, { cost: 2.19 })).toBe('missed for a known reason')
    expect(standingOf(target, { cost: 2.21 })).toBe('missed')
  })

  test('of a known reason about another figure does not look at its own', () => {
    const target: Target = { ...least, accepted: { figure: 'ratio', bound: 2, reason: 'known' } }
    expect(standingOf(target, { rate: 1, ratio: 1.9 })).toBe('missed for a known reason')
    expect(standingOf(target, { rate: 1, ratio: 1.8 })).toBe('missed')
    expect(standingOf(target, { rate: 1 })).toBe('missed')
  })

  test('of a known reason in readings grows with its reading, and needs one', () => {
    const target: Target = { ...most, accepted: { bound: 1, readings: 1.25, reading: 'read', reason: 'known' } }
    // (1 + 1.25 × 0.48) × 1.1 = 1.76
    expect(standingOf(target, { cost: 1.75, read: 0.48 })).toBe('missed for a known reason')
    expect(standingOf(target, { cost: 1.77, read: 0.48 })).toBe('missed')
    expect(standingOf(target, { cost: 1.75, read: 0.4, other: 0.48 })).toBe('missed')
    expect(standingOf(target, { cost: 1.75 })).toBe('missed')
  })
})

describe('the targets', () => {
  test('have different figures', () => {
    const figures = targets.map(({ figure }) => figure)
    expect(new Set(figures).size).toBe(figures.length)
  })

  test('of a warm decision fail on a slower processor too when our part grows by a half', () => {
    const warm = targets.find(({ figure }) => figure === 'warm 3') as Target
    const reading = { 'reading / raw': 0.47 }
    expect(standingOf(warm, { 'warm 3': 1.28, ...reading })).toBe('missed for a known reason')
    expect(standingOf(warm, { 'warm 3': 1 + 0.28 * 1.5, ...reading })).toBe('missed')
  })

  test('fail when they are missed, and in a whole run when they were not measured', () => {
    const figures = { 'wire plain': 2_000, 'wire call': 500, 'wire compressed': Number.NaN }
    expect(failedTargets(figures, false).map(({ figure }) => figure)).toEqual(['wire plain'])
    const whole = failedTargets(figures, true).map(({ figure }) => figure)
    expect(whole).toContain('wire compressed')
    expect(whole).not.toContain('wire call')
    expect(whole).toHaveLength(targets.length - 1)
  })

  test('with a known reason are shown as missed, and the reason below', () => {
    const { rows, notes } = targetsTable({ 'refuse invocation': 1.6, 'refuse, reading / raw': 0.45 })
    expect(rows).toEqual([
      ['refuse a false invocation signature / 1 raw', '≤ 1.4 ×', '1.6 ×', 'missed for a known reason'],
    ])
    expect(notes?.join()).toContain('slower at JavaScript')
    expect(notes?.join()).toContain('(2) The bound is 1 + 1.25 readings. Measured: 1.6, with the margin ≤ 1.72.')
  })
})
