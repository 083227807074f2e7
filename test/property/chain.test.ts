import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { expectSameDecision, readQuestion } from './chain-differential.ts'
import {
  chainDifferential,
  chainMonotone,
  faultDifferential,
  longLivedService,
  revocationMonotone,
  timeInterval,
  verdictIndependence,
} from './chain-properties.ts'
import { shortRuns } from './runs.ts'

describe('authorization properties', { timeout: 120_000 }, () => {
  chainDifferential(shortRuns(300))
  faultDifferential(shortRuns(10))
  chainMonotone(shortRuns(50))
  revocationMonotone(shortRuns(50, 8))
  timeInterval(shortRuns(30))
  verdictIndependence(shortRuns(50))
  longLivedService(shortRuns(300))

  const corpus = readFileSync(new URL('corpus/chains.json', import.meta.url), 'utf8')
  for (const { note, reasons, question } of JSON.parse(corpus) as readonly CorpusCase[]) {
    it(`P1 kept case: ${note}`, async () => {
      expect([...(await expectSameDecision(readQuestion(question)))].sort()).toEqual(reasons)
    })
  }
})

interface CorpusCase {
  readonly note: string
  /** All reasons of the reference against it; an empty list when it is allowed. */
  readonly reasons: readonly string[]
  readonly question: unknown
}
