import { describe, expect, it } from 'vitest'
import type { Vector } from '../../spec/vectors/generator/vector.ts'
import { shortCases } from '../property/runs.ts'
import { type ReferenceVerdict, referenceAuthorize, replayKey } from '../reference/chain.ts'
import { readVectors } from './read.ts'
import { questionOf } from './reference-question.ts'

/** Codes that mean that a token is malformed; the difference between them does not matter here. */
const form = new Set<string>(['malformed', 'unsupported', 'too_large'])

describe('a second, independent reading of authorization', () => {
  for (const name of ['valid.json', 'hostile.json'] as const) {
    it(`agrees with ${name}`, () => {
      const vectors = shortCases(readVectors(name), ({ requirement }) => requirement, 8)
      const questions = vectors.flatMap((vector) => {
        const question = questionOf(vector, replayKey)
        return question === undefined ? [] : [{ vector, verdict: referenceAuthorize(question) }]
      })
      const wrong = questions.filter(({ vector, verdict }) => !agree(vector, verdict))
      expect(wrong.map(({ vector, verdict }) => `${vector.name}: ${[...verdict.reasons].join(', ')}`)).toEqual([])
      expect(questions.length).toBeGreaterThan(0.75 * vectors.length)
    })
  }
})

function agree({ expected }: Vector, { allowed, reasons }: ReferenceVerdict): boolean {
  if (expected.allowed) return allowed
  const found: ReadonlySet<string> = reasons
  return found.has(expected.code) || (form.has(expected.code) && [...found].some((reason) => form.has(reason)))
}
