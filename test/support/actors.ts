import { createHash } from 'node:crypto'
import { backend } from '#backend'
import type { SignatureAlgorithm } from '../../src/core/did/public-key.ts'
import { type Signer, signerOf } from '../../src/core/principal/signer.ts'

/** The moment at which tests take place, in seconds. */
export const now = 1_800_000_000

/** A clock that stands still. */
export const clock = { now: (): number => now }

/** A principal with a fixed key, the same in every run: `await actor('alice')`. */
export async function actor(name: string, algorithm: SignatureAlgorithm = 'Ed25519'): Promise<Signer> {
  const seed = createHash('sha256').update(`procura test actor ${name} ${algorithm}`).digest()
  return signerOf(algorithm, await backend.importKey(algorithm, new Uint8Array(seed)))
}
