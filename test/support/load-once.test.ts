import { expect, it } from 'vitest'
import { loadOnce } from '../../src/support/load-once.ts'

it('loads code at the first call alone, and again after a failure', async () => {
  let loads = 0
  const load = loadOnce(async () => {
    loads += 1
    if (loads === 1) throw new Error('offline')
    return { loads }
  })
  expect(loads).toBe(0)
  await expect(load()).rejects.toThrow('offline')
  expect(await load()).toEqual({ loads: 2 })
  expect(await load()).toEqual({ loads: 2 })
})
