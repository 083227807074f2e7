/**
 * What a path or a URL is to those who read it later: to a URL parser, a server that decodes once more, one that cuts off
 * parameters, one that trims names, one that folds characters; and to all of them one after the other.
 *
 * @module
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { path } from '../../../src/capability/argument-types/path.ts'
import { url } from '../../../src/capability/argument-types/url.ts'
import { problemOf } from './problem-of.ts'

const readers: readonly ((path: string) => string)[] = [
  (path) => new URL(`https://h${path}`).pathname,
  (path) => path.replaceAll(/%(?:[0-7][0-9a-f])/gi, (code) => decodeURIComponent(code)),
  (path) => path.replaceAll(/;[^/]*/g, ''),
  (path) => path.normalize('NFKC'),
  (path) =>
    path
      .split('/')
      .map((segment) => segment.trim())
      .join('/'),
]

/** Where a path leads, by any two readers in a row and a URL parser at last. */
function meanings(path: string): readonly string[] {
  const once = readers.map((read) => read(path))
  const twice = once.flatMap((read) => readers.map((reader) => reader(read)))
  return [path, ...once, ...twice].map((text) => new URL(`https://h${text}`).pathname)
}

const pieces = [
  ...[
    '.',
    '..',
    '/',
    '/',
    ';',
    '?',
    '#',
    ' ',
    'a',
    'secret',
    'public',
    '%',
    '%25',
    '%2e',
    '%2E',
    '%2F',
    '%5C',
    '\\',
    '~',
  ],
  ...[
    '%3B',
    '%3F',
    '%23',
    '%20',
    '%09',
    '%0A',
    '%00',
    '%C2%A0',
    '%C2%85',
    '%E2%80%8B',
    '%EF%BC%8E',
    '%EF%BC%9B',
    '%C0%AE',
  ],
  ...[
    '\uff0e',
    '\uff0f',
    '\uff1b',
    '\uff1f',
    '\uff03',
    '\u2025',
    '\u2024',
    '\u00a0',
    '\u1680',
    '\u200b',
    '\u0085',
    '\u0301',
    '\t',
  ],
]
const texts = fc
  .array(fc.oneof(fc.constantFrom('a', '/', ';', '..'), fc.constantFrom(...pieces)), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join(''))

describe('a place', () => {
  it('ARG-11 is not left by a path below it, whoever reads it [attack 45]', () => {
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
      { numRuns: 10_000 },
    )
    expect(taken).toBeGreaterThan(300)
  })

  it('ARG-12 is not left by a URL below it, whoever reads it [attack 45]', () => {
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
      { numRuns: 10_000 },
    )
    expect(taken).toBeGreaterThan(300)
  })
})
