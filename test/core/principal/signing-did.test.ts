import { describe, expect, it } from 'vitest'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { parseDid } from '../../../src/core/did/did.ts'
import { parseDidKey } from '../../../src/core/did/did-key.ts'
import { importSigner } from '../../../src/core/principal/import-signer.ts'
import { remoteSigner } from '../../../src/core/principal/remote-signer.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { webCryptoSigner } from '../../../src/core/principal/web-crypto-signer.ts'
import { ArgumentError, SigningError } from '../../../src/errors.ts'
import { actor } from '../../support/actors.ts'

const alice = await actor('alice')
const mallory = await actor('mallory')
const seed = new Uint8Array(32).fill(7)
const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])

/** The ways to make a signer with a DID given by the caller. */
const makers: Readonly<Record<string, (did: string) => Promise<Signer>>> = {
  importSigner: (did) => importSigner({ seed }, { did: did as Signer['did'] }),
  webCryptoSigner: (did) => webCryptoSigner(pair as CryptoKeyPair, { did: did as Signer['did'] }),
  remoteSigner: async (did) =>
    remoteSigner({ did: did as Signer['did'], key: parseDidKey(mallory.did), sign: (bytes) => mallory.sign(bytes) }),
}

describe('the DID of a signer', () => {
  it.each(Object.entries(makers))('SIG-15 is not the did:key of another key: %s', async (_, make) => {
    const wrong = make(alice.did)
    await expect(wrong).rejects.toThrow(ArgumentError)
    await expect(wrong).rejects.toThrow('`did` is the did:key of another key; the did:key of this key is did:key:z6Mk')
  })

  it.each(Object.entries(makers))('may be of another method, whose document lists the key: %s', async (_, make) => {
    expect((await make('did:web:example.com')).did).toBe('did:web:example.com')
  })

  it('is its own by default, or the given one', async () => {
    const { did } = await importSigner({ seed })
    expect((await importSigner({ seed }, { did })).did).toBe(did)
  })

  it('SIG-15 is asked of a signer of somebody else before anything it signed is handed out', async () => {
    const impostor: Signer = { ...mallory, did: alice.did, sign: (bytes) => mallory.sign(bytes) }
    const options = { audience: mallory.did, command: '/mail' }
    await expect(delegate({ ...options, issuer: impostor })).rejects.toThrow(SigningError)
    const own: Signer = { ...impostor, did: mallory.did }
    expect((await delegate({ ...options, issuer: own })).issuer).toBe(mallory.did)
    const onTheWeb: Signer = { ...impostor, did: parseDid('did:web:example.com') }
    expect((await delegate({ ...options, issuer: onTheWeb })).issuer).toBe('did:web:example.com')
  })
})
