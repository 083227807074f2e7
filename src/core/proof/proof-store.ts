import type { Delegation } from '../delegation/delegation.ts'
import type { Did } from '../did/did.ts'

/** Stores the delegations of an agent. */
export interface ProofStore {
  /**
   * Looks up delegations by their audience.
   *
   * - Returns the stored delegations, in any order.
   * - Returns an empty list when it has none for this audience.
   * - Rejects when it cannot find out.
   */
  delegationsTo(
    audience: Did,
    options: { readonly signal?: AbortSignal | undefined },
  ): Iterable<Delegation> | Promise<Iterable<Delegation>>
}

/** A proof store to which delegations can be added. */
export interface ProofRegistry extends ProofStore {
  /** Adds delegations. Adding one twice has no effect. */
  add(delegations: Iterable<Delegation>): void
}
