/**
 * `procura/proof`: the delegations of an agent, and the search for the chain of a call.
 *
 * @module
 */

export { findProofs } from '../core/proof/find-proofs.ts'
export { memoryProofStore } from '../core/proof/memory-proof-store.ts'
export type { ProofRegistry, ProofStore } from '../core/proof/proof-store.ts'
