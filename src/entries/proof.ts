/**
 * `procura/proof`: the delegations of an agent, and the search for the chain of a call.
 *
 * @module
 */

export { findProofs } from '../proof/find-proofs.ts'
export { memoryProofStore } from '../proof/memory-proof-store.ts'
export type { ProofRegistry, ProofStore } from '../proof/proof-store.ts'
