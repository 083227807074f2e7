/**
 * `procura/proof`: what an agent holds, and the chain for a call found among it.
 *
 * @module
 */

export { findProofs } from '../proof/find-proofs.ts'
export { memoryProofStore } from '../proof/memory-proof-store.ts'
export type { ProofRegistry, ProofStore } from '../proof/proof-store.ts'
