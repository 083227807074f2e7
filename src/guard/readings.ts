import type { Authorizer } from '../authorization/authorize.ts'
import { callChecks } from '../authorization/options.ts'
import { withinDeadline } from '../support/deadline.ts'
import { readOptions } from '../support/options.ts'

/** The functions of a guard that decide nothing, with the time limit of a decision. */
export function createReadings(authorizer: Authorizer, decisionMs: number): Pick<Authorizer, 'open' | 'remaining'> {
  return {
    open: (container) => withinDeadline(decisionMs, {}, () => authorizer.open(container)),
    remaining: async (container, options = {}) => {
      const { signal } = readOptions('remaining', options, callChecks)
      return withinDeadline(decisionMs, { signals: [signal] }, (ended) =>
        authorizer.remaining(container, { signal: ended }),
      )
    },
  }
}
