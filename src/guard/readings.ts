import type { Authorizer } from '../core/authorization/authorize.ts'
import { callChecks } from '../core/authorization/options.ts'
import { withinDeadline } from '../support/deadline.ts'
import { readOptions } from '../support/options.ts'

/** The functions of a guard that decide nothing, with the time limit of a decision. */
export function createReadings(authorizer: Authorizer, decisionMs: number): Pick<Authorizer, 'open' | 'remaining'> {
  const reason = (): DOMException =>
    new DOMException(
      `the container was not read within ${decisionMs} ms; raise \`deadlines.decisionMs\` if it needs longer`,
      'TimeoutError',
    )
  return {
    open: (container) => withinDeadline(decisionMs, { reason }, () => authorizer.open(container)),
    remaining: async (container, options = {}) => {
      const { signal } = readOptions('remaining', options, callChecks)
      return withinDeadline(decisionMs, { signals: [signal], reason }, (ended) =>
        authorizer.remaining(container, { signal: ended }),
      )
    },
  }
}
