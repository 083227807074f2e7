/**
 * The meaning of a path or URL to its later readers. They are a URL parser, and servers that decode once more, cut off
 * parameters, trim names or fold characters; and all of them in sequence.
 *
 * @module
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { path } from '../../../../src/core/capability/argument-types/path.ts'
import { url } from '../../../../src/core/capability/argument-types/url.ts'
import { meanings, texts } from '../../../support/path-readers.ts'
import { problemOf } from './problem-of.ts'

describe('a place', () => {
  it('ARG-11 contains every path below it, for every reader [attack 45]', () => {
    let taken = 0
    fc.assert(
      fc.property(texts, texts, (first, second) => {
        const below = `/users/me/${first}`
        const between = `/x/${first}/${second}/public`
        for (const [text, start, end] of [
          [below, '/users/me/', ''],
          [between, '/x/', '/public'],
        ] as const) {
          if (problemOf(path(), text) !== undefined) continue
          taken += 1
          const faults = meanings(text).filter((place) => !place.startsWith(start) || !place.endsWith(end))
          expect(faults, JSON.stringify(text)).toEqual([])
        }
      }),
      { numRuns: 4_000 },
    )
    expect(taken).toBeGreaterThan(100)
  })

  it('ARG-28 contains every URL below it, for every reader [attack 45]', () => {
    let taken = 0
    fc.assert(
      fc.property(texts, (text) => {
        const value = `https://h/users/me/${text}`
        if (problemOf(url(), value) !== undefined) return
        taken += 1
        expect(new URL(value).pathname.startsWith('/users/me/')).toBe(true)
        const faults = meanings(new URL(value).pathname).filter((place) => !place.startsWith('/users/me/'))
        expect(faults, value).toEqual([])
      }),
      { numRuns: 4_000 },
    )
    expect(taken).toBeGreaterThan(100)
  })
})
