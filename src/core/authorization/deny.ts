import type { Chain } from './chain.ts'
import type { Decision } from './decision.ts'
import type { Denial } from './denial.ts'
import { type Explanation, explainDenial } from './explain-denial.ts'
import type { Refusal } from './refusal.ts'
import type { Settings } from './settings.ts'
import { claimsOf } from './with-claims.ts'

/** A refusal, and the call that it is about, if it could be read. */
export interface Refused {
  /**
   * Distinguishes it from a decision. Its own property: a prototype that other code has changed does not make it a yes.
   */
  readonly allowed: undefined
  readonly refusal: Refusal
  readonly chain: Chain | undefined
  readonly authenticated: boolean
}

/** @param authenticated - whether the chain is aligned, signed, and for this service. AUD-27 */
export function refuse(refusal: Refusal, chain?: Chain, authenticated = false): Refused {
  return { allowed: undefined, refusal, chain, authenticated }
}

/** Makes the denial with its sentence. A fault of the explanation changes no verdict: the sentence is then the code. */
export function deny({ refusal, chain, authenticated }: Refused, settings: Settings): Decision {
  const { facts, ...denial } = refusal
  let explanation: Explanation | undefined
  try {
    if (denial.message === undefined) explanation = explainDenial(refusal, chain, settings)
  } catch (error) {
    settings.onError(error)
  }
  const explained = {
    message: `refused: ${denial.code} (${denial.requirement})`,
    ...explanation,
    ...denial,
    // Not added to a copy: that takes as long as hashing a token.
    ...(chain && { call: claimsOf(chain.invocation, authenticated) }),
  } as Denial
  return Object.freeze({ allowed: false, denial: Object.freeze(explained) })
}
