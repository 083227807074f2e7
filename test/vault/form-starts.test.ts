import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFormStarts } from '../../src/vault/request/form-starts.ts'
import { shortRuns } from '../property/runs.ts'

const part = fc.constantFrom('a', 'b', 'c')
const text = (least: number, most: number) =>
  fc.array(part, { minLength: least, maxLength: most }).map((parts) => parts.join(''))

describe('the places at which a form can begin', () => {
  it('are those at which the first four bytes of a form are, or as many of them as there are', () => {
    const forms = fc.array(text(4, 6), { minLength: 1, maxLength: 32 })
    fc.assert(
      fc.property(forms, text(0, 30), fc.nat(30), (values, body, from) => {
        const starts = createFormStarts(values.map((value) => Buffer.from(value)))
        let expected = Math.min(from, body.length)
        const isStart = (at: number): boolean => values.some((value) => value.startsWith(body.slice(at, at + 4)))
        while (expected < body.length && !isStart(expected)) expected += 1
        expect(starts.next(Buffer.from(body), Math.min(from, body.length))).toBe(expected)
      }),
      shortRuns(1_000),
    )
  })

  it('are found with any number of forms', () => {
    const values = Array.from({ length: 200 }, (_, index) => `form ${String(index).padStart(3, '0')}`).reverse()
    const starts = createFormStarts(values.map((value) => Buffer.from(value.slice(4))))
    for (const value of values) expect(starts.next(Buffer.from(`....${value}`), 0)).toBe(8)
  })

  it('are found whatever the value of each of the four bytes', () => {
    for (let byte = 0; byte < 256; byte++) {
      for (let at = 0; at < 4; at++) {
        const form = Uint8Array.of(1, 2, 3, 4).fill(byte, at, at + 1)
        const starts = createFormStarts([form])
        expect(starts.next(Uint8Array.of(0, ...form), 0), String(form)).toBe(1)
        expect(starts.next(Uint8Array.of(0, ...form.fill(byte ^ 128, at, at + 1)), 0), String(form)).not.toBe(1)
      }
    }
  })

  it('are forgotten', () => {
    const starts = createFormStarts([Buffer.from('canary-77')])
    expect(starts.next(Buffer.from('a canary-77'), 0)).toBe(2)
    starts.forget()
    expect(starts.next(Buffer.from('a canary-77'), 0)).toBe(11)
  })
})
