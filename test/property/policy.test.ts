import { readdirSync, readFileSync } from 'node:fs'
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

const corpus = new URL('corpus/', import.meta.url)

interface CorpusCase {
  readonly note: string
  readonly policy: unknown
  readonly args: unknown
  readonly answer: PolicyAnswer
}

describe('policy properties', () => {
  policyDifferential(shortRuns(2_000))
  policyMonotone(shortRuns(500))
  globDifferential(shortRuns(2_000))
  policyBudget(shortRuns(200))
  selectorDifferential(shortRuns(2_000))

  for (const file of readdirSync(corpus).filter((name) => name.startsWith('policy'))) {
    for (const one of JSON.parse(readFileSync(new URL(file, corpus), 'utf8')) as readonly CorpusCase[]) {
      it(`P1 kept case: ${one.note}`, () => {
        const concrete = { policy: fromJson(one.policy), args: fromJson(one.args) } as PolicyCase
        expect(evaluatePolicy(concrete.policy, concrete.args), 'reference').toBe(one.answer)
        expect(libraryAnswer(concrete), 'library').toBe(one.answer)
      })
    }
  }
})
