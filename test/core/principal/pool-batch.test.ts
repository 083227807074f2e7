import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  answeredBatch,
  decodeAnswers,
  decodeBatch,
  encodeAnswers,
  encodeBatch,
} from '../../../src/core/principal/pool/batch.ts'
import { ThreadError } from '../../../src/errors.ts'

const id = fc.nat(0xffff_ffff)
const questions = fc.array(
  fc.record({
    key: fc.uint8Array({ minLength: 1, maxLength: 128 }),
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
    message: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 40 },
)
const answers = fc.array(fc.constantFrom(true, false, undefined), { maxLength: 40 })

describe('a batch', () => {
  it('is read with its written contents, from separate memory', () => {
    fc.assert(
      fc.property(id, questions, (id, questions) => {
        const bytes = encodeBatch({ id, questions })
        expect(bytes.byteLength).toBe(bytes.buffer.byteLength)
        expect(decodeBatch(bytes)).toEqual({ id, questions })
      }),
    )
  })

  it('is refused when it was cut', () => {
    fc.assert(
      fc.property(id, questions, fc.nat(), (id, questions, at) => {
        fc.pre(questions.length > 0)
        const [last] = questions.slice(-1)
        const bytes = encodeBatch({ id, questions })
        const cut = 1 + (at % (68 + last!.key.length + last!.message.length))
        expect(() => decodeBatch(bytes.subarray(0, bytes.length - cut))).toThrow(ThreadError)
      }),
    )
  })
})

describe('answers', () => {
  it('are read with their written contents', () => {
    fc.assert(
      fc.property(id, answers, (id, answers) => {
        const message = encodeAnswers(id, answers)
        expect(answeredBatch(message)).toBe(id)
        expect(decodeAnswers(message, answers.length)).toEqual(answers)
        expect(decodeAnswers(message, answers.length + 1)).toBeUndefined()
      }),
    )
  })

  it('are of three bytes, and nothing else is one', () => {
    const meanings = Array.from({ length: 256 }, (_, byte) => decodeAnswers(Uint8Array.of(0, 0, 0, 0, byte), 1))
    expect(meanings.filter((answers) => answers?.[0] === true)).toHaveLength(1)
    expect(meanings.filter((answers) => answers?.[0] === false)).toHaveLength(1)
    expect(meanings.filter((answers) => answers !== undefined)).toHaveLength(3)
    expect(meanings.slice(0, 2)).toEqual([undefined, undefined])
  })

  it.each([
    undefined,
    null,
    true,
    'YYYYY',
    { length: 5, 4: 0x59 },
    [0, 0, 0, 0, 0x59],
    new ArrayBuffer(5),
    new Uint8Array(3),
  ])('are bytes, unlike %o', (message) => {
    expect(answeredBatch(message)).toBeUndefined()
    expect(decodeAnswers(message, 1)).toBeUndefined()
  })
})
