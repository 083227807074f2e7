import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { publicKeyFromSpki } from '../../src/signers/spki.ts'

const kinds = {
  Ed25519: generateKeyPairSync('ed25519'),
  ES256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  ES256K: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
}
const der = (pair: (typeof kinds)['Ed25519']): Buffer => pair.publicKey.export({ format: 'der', type: 'spki' })

it.each(Object.entries(kinds))(
  'publicKeyFromSpki reads a key of %s in one encoding, and nothing else',
  (name, pair) => {
    const bytes = der(pair)
    expect(publicKeyFromSpki(bytes)?.algorithm).toBe(name)
    const start = bytes.length - (name === 'Ed25519' ? 32 : 64)
    // Every byte before the key, and for the curves a point that is not on the curve.
    for (let at = 0; at < start; at += 1) {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(publicKeyFromSpki(changed), `byte ${at}`).toBeUndefined()
    }
    for (const other of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)]), bytes.subarray(1), Buffer.of()])
      expect(publicKeyFromSpki(other)).toBeUndefined()
    const beyond = Uint8Array.from(bytes).fill(name === 'Ed25519' ? 0 : 1, start)
    expect(publicKeyFromSpki(beyond)).toBeUndefined()
  },
)

it('publicKeyFromSpki reads no key of another curve or algorithm', () => {
  for (const namedCurve of ['secp384r1', 'secp521r1', 'brainpoolP256r1'])
    expect(publicKeyFromSpki(der(generateKeyPairSync('ec', { namedCurve })))).toBeUndefined()
  for (const pair of [generateKeyPairSync('ed448'), generateKeyPairSync('x25519')])
    expect(publicKeyFromSpki(der(pair))).toBeUndefined()
})
