import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromJson } from '../reference/dag-json.ts'
import { evaluatePolicy } from '../reference/policy.ts'
import type { PolicyCase } from './policy-arbitrary.ts'
import { libraryAnswer, type PolicyAnswer } from './policy-differential.ts'
import {
  globDifferential,
  policyBudget,
  policyDifferential,
  policyMonotone,
  selectorDifferential,
} from './policy-properties.ts'
import { shortRuns } from './runs.ts'

interface CorpusCase {
  readonly note: string
  readonly policy: unknown
  readonly args: unknown
  readonly answer: PolicyAnswer
}

describe('policy properties', { timeout: 120_000 }, () => {
  policyDifferential(shortRuns(2_000))
  policyMonotone(shortRuns(500))
  globDifferential(shortRuns(2_000))
  policyBudget(shortRuns(800, 4))
  selectorDifferential(shortRuns(2_000))

  const corpus = readFileSync(new URL('corpus/policies.json', import.meta.url), 'utf8')
  for (const { note, answer, policy, args } of JSON.parse(corpus) as readonly CorpusCase[]) {
    it(`P1 kept case: ${note}`, () => {
      const concrete = { policy: fromJson(policy), args: fromJson(args) } as PolicyCase
      expect(evaluatePolicy(concrete.policy, concrete.args), 'reference').toBe(answer)
      expect(libraryAnswer(concrete), 'library').toBe(answer)
    })
  }
})
