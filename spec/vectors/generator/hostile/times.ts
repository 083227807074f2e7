/**
 * Tokens at a time at which they do not count, to the second.
 *
 * @module
 */

import { mailer, owner, planner } from '../principals.ts'
import { type DelegationDraft, delegation, type InvocationDraft, invocation, type Token, time } from '../token.ts'
import { refused, type Vector } from '../vector.ts'

/** All of them. The tolerance is 60 seconds unless a context contains another one. */
export function timeVectors(): readonly Vector[] {
  const day = 86_400
  return [
    ...refused('expired', 'TIM-03', 'expired', {
      'the root, by one second': { tokens: chain({ root: { exp: time - 61 } }), at: 0 },
      'the second delegation, by one second': { tokens: chain({ next: { exp: time - 61 } }), at: 1 },
      'the invocation, by one second': { tokens: chain({ call: { exp: time - 61 } }), at: 2 },
      'the root, by a day, the others not': { tokens: chain({ root: { exp: time - day } }), at: 0 },
      'the root, and the second delegation says it is longer': {
        tokens: chain({ root: { exp: time - 61 }, next: { exp: time + day } }),
        at: 0,
      },
      'at time 0': { tokens: chain({ root: { exp: 0 } }), at: 0 },
      'before 1970': { tokens: chain({ root: { exp: -1 } }), at: 0 },
      'at the first second there is': { tokens: chain({ call: { exp: -9_007_199_254_740_991 } }), at: 2 },
      'without tolerance, by one second': {
        tokens: chain({ root: { exp: time - 1 } }),
        at: 0,
        context: { options: { clockTolerance: 0 } },
      },
      'with the greatest tolerance, by one second': {
        tokens: chain({ root: { exp: time - 301 } }),
        at: 0,
        context: { options: { clockTolerance: 300 } },
      },
      'each by less than the tolerance, one by more': {
        tokens: chain({ root: { exp: time - 40 }, next: { exp: time - 61 }, call: { exp: time - 30 } }),
        at: 1,
      },
      'self-issued': { tokens: [invocation({ by: owner, exp: time - 61 })], at: 0 },
    }),
    ...refused('not-yet-valid', 'TIM-02', 'not_yet_valid', {
      'the root, by one second': { tokens: chain({ root: { fields: { nbf: time + 61 } } }), at: 0 },
      'the second delegation, by one second': { tokens: chain({ next: { fields: { nbf: time + 61 } } }), at: 1 },
      'the invocation, by one second': {
        tokens: chain({ call: { fields: { nbf: time + 61 }, exp: time + 120 } }),
        at: 2,
      },
      'without tolerance, by one second': {
        tokens: chain({ root: { fields: { nbf: time + 1 } } }),
        at: 0,
        context: { options: { clockTolerance: 0 } },
      },
      'with the greatest tolerance, by one second': {
        tokens: chain({ root: { fields: { nbf: time + 301 } } }),
        at: 0,
        context: { options: { clockTolerance: 300 } },
      },
      'in milliseconds': { tokens: chain({ root: { fields: { nbf: time * 1_000 }, exp: null } }), at: 0 },
      'at the last second there is': {
        tokens: chain({ root: { fields: { nbf: 9_007_199_254_740_991 }, exp: null } }),
        at: 0,
      },
      'an empty time, before': { tokens: chain({ root: { fields: { nbf: time + 100 }, exp: time + 50 } }), at: 0 },
    }),
    ...refused('lives-too-long', 'TIM-05', 'lifetime_too_long', {
      'by one second': { tokens: chain({ call: { exp: time + 361 } }), at: 2 },
      'for a day': { tokens: chain({ call: { exp: time + day } }), at: 2 },
      'for ever': { tokens: chain({ call: { exp: null } }), at: 2 },
      'in milliseconds': { tokens: chain({ call: { exp: (time + 60) * 1_000 } }), at: 2 },
      'until the last second there is': { tokens: chain({ call: { exp: 9_007_199_254_740_991 } }), at: 2 },
      'longer than the service allows': {
        tokens: chain({ call: { exp: time + 60 } }),
        at: 2,
        context: { options: { maxInvocationLifetime: 30, clockTolerance: 0 } },
      },
      'for ever, under a delegation that ends': {
        tokens: chain({ root: { exp: time + 10 }, call: { exp: null } }),
        at: 2,
      },
    }),
  ]
}

type Change = {
  readonly root?: Partial<DelegationDraft>
  readonly next?: Partial<DelegationDraft>
  readonly call?: Partial<InvocationDraft>
}

function chain(change: Change): readonly Token[] {
  const root = delegation({ from: owner, to: planner, ...change.root })
  const next = delegation({ from: planner, to: mailer, ...change.next })
  return [invocation({ by: mailer, prf: [root, next], ...change.call }), root, next]
}
