/**
 * `procura/proof`: what an agent holds, and the chain for a call found among it.
 *
 * @module
 */

export { type FindProofsOptions, findProofs } from '../proof/find-proofs.ts'
export { type MemoryProofStoreOptions, memoryProofStore } from '../proof/memory-proof-store.ts'
export type { ProofRegistry, ProofStore } from '../proof/proof-store.ts'
