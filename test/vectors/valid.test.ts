import { describe, expect, it } from 'vitest'
import { faultsOf } from './check.ts'
import { readVectors } from './read.ts'

describe('valid vectors', () => {
  for (const vector of readVectors('valid.json')) {
    it(`${vector.name} (${vector.requirement})`, async () => {
      expect(await faultsOf(vector)).toEqual([])
    })
  }

  it('reach every kind of thing that hostile ones are refused for', () => {
    const shown = new Set(readVectors('valid.json').map(({ requirement }) => requirement.slice(0, 3)))
    expect([...shown].sort()).toEqual(
      expect.arrayContaining([
        'CBR',
        'CMD',
        'CTN',
        'ENV',
        'LIM',
        'POL',
        'PRF',
        'RPL',
        'RVK',
        'SIG',
        'SVC',
        'TIM',
        'TOK',
      ]),
    )
  })
})
