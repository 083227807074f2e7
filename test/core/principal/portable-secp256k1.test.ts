import { describe, expect, it } from 'vitest'
import { publicKey } from '../../../src/core/did/did-key.ts'
import { backend as node } from '../../../src/core/principal/backend/node.ts'
import { withPortableSecp256k1 } from '../../../src/core/principal/backend/portable-secp256k1.ts'
import { twinSignature, verifySignature, verifySignatureAsync } from '../../../src/core/principal/signature.ts'
import * as root from '../../../src/entries/index.ts'
import * as stores from '../../../src/entries/store/memory.ts'
import { smoke } from '../../setup/smoke.ts'
import { accepted, readSuites } from '../../setup/vectors.ts'

const refusing = () => {
  throw new Error('the host lacks the curve')
}
/** A host that has all but secp256k1. */
const host = {
  ...node,
  prepareKey: (key: Parameters<typeof node.prepareKey>[0]) =>
    key.algorithm === 'ES256K' ? refusing() : node.prepareKey(key),
  generateKey: (algorithm: Parameters<typeof node.generateKey>[0]) =>
    algorithm === 'ES256K' ? refusing() : node.generateKey(algorithm),
  importKey: (algorithm: Parameters<typeof node.generateKey>[0], secret: Uint8Array) =>
    algorithm === 'ES256K' ? refusing() : node.importKey(algorithm, secret),
}
const backend = withPortableSecp256k1(host)

describe('a host without secp256k1', () => {
  it('accepts exactly the vectors that are accepted elsewhere', async () => {
    const { verdicts } = await smoke({ ...root, ...stores }, backend, readSuites())
    const counts = Object.entries(verdicts).map(([name, letters]) => [name, letters.split('A').length - 1])
    expect(Object.fromEntries(counts)).toEqual(accepted)
  })

  it('signs with keys that it made or was given, and takes both signatures of ECDSA', async () => {
    const message = new TextEncoder().encode('message')
    for (const key of [
      await backend.generateKey('ES256K'),
      await backend.importKey('ES256K', new Uint8Array(32).fill(7)),
    ]) {
      const signature = await key.sign(message)
      const verifier = publicKey('ES256K', key.publicKey)
      const prepared = await backend.prepareKey(verifier)
      const twin = twinSignature('ES256K', signature) ?? new Uint8Array()
      expect(await verifySignature(backend, verifier, prepared, signature, message)).toBe(true)
      expect(await verifySignatureAsync(backend, verifier, prepared, twin, message)).toBe(true)
      expect(await verifySignature(backend, verifier, prepared, signature, message.subarray(1))).toBe(false)
    }
  })

  it('leaves other keys to the host, at once', () => {
    for (const algorithm of ['Ed25519', 'ES256'] as const) {
      const key = host.generateKey(algorithm)
      if (key instanceof Promise) throw new Error('not at once')
      const verifier = publicKey(algorithm, key.publicKey)
      expect(backend.prepareKey(verifier)).not.toBeInstanceOf(Promise)
      expect(backend.generateKey(algorithm)).not.toBeInstanceOf(Promise)
      expect(backend.importKey(algorithm, new Uint8Array(32).fill(7))).not.toBeInstanceOf(Promise)
    }
  })
})
