import { toBigEndian } from '../../did/curves/big-endian.ts'
import { didKeyFrom } from '../../did/did-key.ts'
import type { Question } from './batch.ts'

/** Test 2 of RFC 8032, section 7.1, then the same signature over another message: one is valid, one is not. */
export function knownQuestions(): readonly Question[] {
  const key = toBigEndian(0x3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660cn)
  const signature = new Uint8Array(64)
  signature.set(toBigEndian(0x92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69dan))
  signature.set(toBigEndian(0x085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00n), 32)
  const question = { key: new TextEncoder().encode(didKeyFrom('Ed25519', key)), signature }
  return [
    { ...question, message: Uint8Array.of(0x72) },
    { ...question, message: Uint8Array.of(0x73) },
  ]
}
