/**
 * Properties of authorization, for a number of runs: few in `npm test`, many in `npm run test:long`.
 *
 * @module
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Reason } from '../reference/chain.ts'
import { expectSameDecision } from './chain-differential.ts'
import type { Runs } from './runs.ts'
import { buildScenario } from './scenario.ts'
import { scenarios } from './scenario-arbitrary.ts'

/** The library and the reference decide alike. */
export function chainDifferential({ numRuns, seed, title }: Runs): void {
  it(`P1 chains: library and reference agree (${title})`, async () => {
    const seen = new Map<Reason | 'allowed', number>()
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const reasons = await expectSameDecision(buildScenario(scenario), scenario)
        const found = reasons.size === 0 ? (['allowed'] as const) : reasons
        for (const reason of found) seen.set(reason, (seen.get(reason) ?? 0) + 1)
      }),
      { numRuns, seed },
    )
    // The agreement is worth something only when there was much to disagree about.
    expect(seen.get('allowed') ?? 0).toBeGreaterThan(numRuns / 5)
    expect(seen.size).toBeGreaterThan(18)
  })
}
