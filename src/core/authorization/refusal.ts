import type { Evaluation } from '../capability/policy/evaluation.ts'
import type { PolicyFailure, ReadyPolicy } from '../capability/policy/ready-policy.ts'
import type { IpldMap } from '../ipld/value.ts'
import type { UnsignedChain } from './chain.ts'
import type { Denial } from './denial.ts'

/** A denial before its sentence is written: `explainDenial` writes it from the refusal, the chain and the settings. */
export interface Refusal extends Omit<Denial, 'message'> {
  /** Present when the sentence is written already. */
  readonly message?: string
  /** Facts that only the sentence contains. */
  readonly facts?: RefusalFacts
}

/** See {@link Refusal.facts}. */
export interface RefusalFacts {
  /** A part of the sentence, such as the message of an error. */
  readonly reason?: string | undefined
  /** How many proofs the invocation names, if there is no chain. */
  readonly count?: number
  /** The refusal of another chain, which is the reason for this one. */
  readonly inner?: { readonly refusal: Refusal; readonly chain: UnsignedChain }
  /** The policy, and how it failed. */
  readonly failed?: FailedPolicy
}

/** A policy that refuses arguments. */
export interface FailedPolicy {
  readonly policy: ReadyPolicy
  readonly failure: PolicyFailure
  readonly args: IpldMap
  readonly evaluation: Evaluation
}
