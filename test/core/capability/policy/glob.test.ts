import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileGlob, escapeGlob, splitGlob } from '../../../../src/core/capability/policy/glob.ts'
import { shortRuns } from '../../../property/runs.ts'
import { costOf } from '../../../support/cost.ts'

const matches = (pattern: string, text: string) => compileGlob(pattern)(text)

/** Whether text is of a pattern's form, by trying every length for every star and remembering what was tried. */
function slowMatches(pattern: string, text: string): boolean {
  const units: (string | undefined)[] = []
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] === '\\' && pattern[at + 1] === '*') {
      units.push('*')
      at++
    } else units.push(pattern[at] === '*' ? undefined : pattern[at])
  }
  let reached = new Set([0])
  for (const unit of units) {
    const next = new Set<number>()
    for (const from of reached) {
      if (unit === undefined) for (let to = from; to <= text.length; to++) next.add(to)
      else if (text[from] === unit) next.add(from + 1)
    }
    reached = next
  }
  return reached.has(text.length)
}

describe('compileGlob', () => {
  it.each([
    ['', ''],
    ['*', ''],
    ['*', 'anything\nat all'],
    ['***', ''],
    ['a*', 'a'],
    ['*a', 'a'],
    ['a*a', 'aa'],
    ['a*b*c', 'abc'],
    ['a*b*c', 'a-b-b-c'],
    ['*@example.com', 'ann@example.com'],
    ['Alice\\*, Bob*, Carol.', 'Alice*, Bob, Dan, Erin, Carol.'],
    ['\\*', '*'],
    ['\\**', '*x'],
    ['a\\b', 'a\\b'],
    ['a\\', 'a\\'],
    ['\\\\*', '\\*'],
    ['*aab*', 'aaab'],
    ['*abcabcabd*', 'xabcabcabcabdx'],
  ])('POL-21 %j matches %j', (pattern, text) => {
    expect(matches(pattern, text)).toBe(true)
    expect(slowMatches(pattern, text)).toBe(true)
  })

  it.each([
    ['', 'a'],
    ['a', ''],
    ['a', 'A'],
    ['a', 'aa'],
    ['a*a', 'a'],
    ['ab*ba', 'aba'],
    ['a*b*c', 'acb'],
    ['*b*b*', 'ab'],
    ['*@example.com', 'ann@example.com '],
    ['*@example.com', 'ann@example.com\n'],
    ['\\*', 'x'],
    ['a?', 'ab'],
    ['[ab]', 'a'],
    ['a.c', 'abc'],
    ['*longer than eight*', 'long than eight'],
    ['x*longpiece*longpiece', 'xlongpiece'],
  ])('POL-21 %j does not match %j', (pattern, text) => {
    expect(matches(pattern, text)).toBe(false)
    expect(slowMatches(pattern, text)).toBe(false)
  })

  it.each(['\n', '\r', '\u2028', '\u2029'])('POL-21 a star also matches a line end: %j [attack 46]', (end) => {
    expect(matches('*evil*', `x${end}evil${end}y`)).toBe(true)
    expect(matches('a*z', `a${end}z`)).toBe(true)
  })

  it('POL-21 compares code units, also between the halves of a pair [attack 46]', () => {
    expect(matches('\u{1f600}*', '\u{1f600}!')).toBe(true)
    expect(matches('*\ude00', '\u{1f600}')).toBe(true)
    expect(matches('\ud83d*\ude00', '\u{1f600}')).toBe(true)
  })

  it('P13 agrees with a slow reference', () => {
    const unit = fc.constantFrom('a', 'b', '*', '\\', '\n')
    const pattern = fc.string({ unit, maxLength: 24 })
    const text = fc.string({ unit, maxLength: 40 })
    fc.assert(
      fc.property(pattern, text, (p, t) => matches(p, t) === slowMatches(p, t)),
      shortRuns(5000),
    )
  })

  it('P13 agrees with a slow reference on long pieces that nearly match', () => {
    const run = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 16 })
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 4 }), fc.array(run, { maxLength: 12 }), (pieces, runs) => {
        const pattern = `*${pieces.join('*')}*`
        const text = runs.join('')
        return matches(pattern, text) === slowMatches(pattern, text)
      }),
      shortRuns(3000),
    )
  })

  const a = 'a'.repeat(65_536)
  it.each([
    ['stars and letters in turn', `${'a*'.repeat(1000)}b`, a],
    ['stars and letters in turn over a long text', `${'*a'.repeat(32_768)}*b`, a],
    ['four stars', '*a*a*a*ab', a],
    ['a long piece that fails at its end', `*${'a'.repeat(30_000)}b*`, a],
    ['a long piece that fails at its start', `*b${'a'.repeat(30_000)}*`, a],
    ['a long piece that fails in the middle', `*${'a'.repeat(15_000)}b${'a'.repeat(15_000)}*`, a],
    ['a short piece that fails at its end', '*aaaaaaab*', a],
    ['a short piece that fails at its start', '*baaaaaaa*', a],
    ['many long pieces', `*${`${'a'.repeat(50)}b*`.repeat(1000)}`, `${'a'.repeat(60)}b`.repeat(1000)],
  ])('POL-21 takes linear time for %s [attack 46]', (_, pattern, text) => {
    // A backtracking matcher takes minutes.
    expect(costOf(() => matches(pattern, text))).toBeLessThan(50)
  })
})

describe('escapeGlob', () => {
  it('writes text as a pattern of it alone', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '*', '\\', 'b') })
    fc.assert(
      fc.property(text, text, (literal, other) => {
        expect(matches(escapeGlob(literal), literal)).toBe(true)
        expect(matches(escapeGlob(literal), other)).toBe(literal === other)
      }),
    )
  })
})

describe('splitGlob', () => {
  it('gives the text between the stars', () => {
    expect(splitGlob('a\\*b*c**')).toEqual(['a*b', 'c', '', ''])
    expect(splitGlob('')).toEqual([''])
  })
})
