import type { Delegation } from '../delegation/delegation.ts'
import type { Did } from '../did/did.ts'

/** Where an agent keeps the delegations it holds. */
export interface ProofStore {
  /**
   * Looks up delegations by who received them.
   *
   * - Returns those it holds, in any order.
   * - Returns none when it holds none.
   * - Rejects when that cannot be said.
   */
  delegationsTo(
    audience: Did,
    options: { readonly signal?: AbortSignal | undefined },
  ): Iterable<Delegation> | Promise<Iterable<Delegation>>
}

/** A proof store that takes delegations in. */
export interface ProofRegistry extends ProofStore {
  /** Keeps delegations. Adding one twice changes nothing. */
  add(delegations: Iterable<Delegation>): void
}
