import { describe, expect, it } from 'vitest'
import { wrongVerdictsOn } from '../vectors/check.ts'
import { readVectors } from '../vectors/read.ts'

describe('vectors of 0.9.1', () => {
  it.each(readVectors('ucanto.json').map((vector) => [vector.name, vector] as const))('%s', async (_, vector) => {
    expect(await wrongVerdictsOn(vector)).toEqual([])
  })
})
