import { expect, it } from 'vitest'
import { openingFaults } from '../core/authorization/opening.ts'
import { readVectors } from '../vectors/read.ts'

it('every vector is opened when authorize reads it, and refused for the same reason when it does not', async () => {
  expect(await openingFaults([...readVectors('valid.json'), ...readVectors('hostile.json')])).toEqual([])
})
