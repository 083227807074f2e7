/**
 * Changes of an options object after a call have no effect on the call. Each asynchronous function is called twice. The
 * second time, everything that was passed in is changed before the result arrives.
 *
 * Signers, stores, resolvers and clocks are not changed: they are used at any time, by design. Frozen objects, such as
 * tokens, are not changed either.
 *
 * @module
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { like } from '../../src/core/capability/policy/build.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { parseDid } from '../../src/core/did/did.ts'
import type { VerificationRelationship } from '../../src/core/did/did-document.ts'
import { parseDidKey } from '../../src/core/did/did-key.ts'
import { fromDidResolver } from '../../src/core/did/from-did-resolver.ts'
import { encodeBase64url } from '../../src/core/ipld/base.ts'
import { importSigner } from '../../src/core/principal/import-signer.ts'
import { remoteSigner } from '../../src/core/principal/remote-signer.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { findProofs } from '../../src/core/proof/find-proofs.ts'
import { readModules, root } from '../setup/entries.ts'
import { actor, clock } from '../support/actors.ts'
import { type AnyFunction, publicCalls } from './public-calls.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]

/** Functions that answer later, so that a table in which one of them answers at once, or is missing, is noticed. */
const answerLater = [
  'attenuate attenuate_until_a_time authorize compressContainer createAuthorizer.authorize authorizeMany',
  'decodeDelegation decodeInvocation delegate explainCall findProofs generateSigner importSigner importSigner_of_PKCS#8',
  'importSigner_of_a_JWK importSigner_of_base64 invoke issueReceipt openContainer revoke verifyDelegation verifyReceipt verifyRevocation',
  'webCryptoSigner',
].flatMap((names) => names.split(' ').map((name) => name.replaceAll('_', ' ')))

beforeEach(() => {
  // A signer takes random bytes again in the next second. Those that it has are not replaced.
  const now = Date.now() + 1_000
  vi.spyOn(Date, 'now').mockReturnValue(now)
  vi.spyOn(globalThis.crypto, 'getRandomValues').mockImplementation((bytes) => {
    if (bytes instanceof Uint8Array) bytes.fill(7)
    return bytes
  })
})
afterEach(() => vi.restoreAllMocks())

describe('options that change after the call', () => {
  const asked = Object.entries(publicCalls).flatMap(([entry, calls]) =>
    Object.entries(calls).map(([name, call]) => ({ entry, name, call })),
  )

  it('are tried with every function that answers later', async () => {
    const found: string[] = []
    for (const { entry, name, call } of asked) {
      const answer = (call.call ?? (await functionOf(entry, name)))(...(copyOf(call.args) as never[]))
      if (answer instanceof Promise) found.push(name)
      await answer
    }
    expect(found.toSorted()).toEqual(answerLater.toSorted())
  })

  for (const { entry, name, call } of asked) {
    if (!answerLater.includes(name)) continue
    it(`TOK-20 change nothing about ${entry} ${name}`, async () => {
      const call_ = call.call ?? (await functionOf(entry, name))
      const expected = await call_(...(copyOf(call.args) as never[]))
      const args = copyOf(call.args)
      const answer = call_(...(args as never[]))
      spoil(args)
      expect(shown(await answer)).toEqual(shown(expected))
    })
  }
})

describe('what is kept for later calls or later steps', () => {
  it('TOK-20 is looked for with the arguments that were given, however long the store takes', async () => {
    const policy = [like('.to', '*@example.com')]
    const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail', policy, expiresIn: 60, clock })
    const store = { delegationsTo: async () => [grant] }
    const args = { to: 'ann@example.com' }
    const found = findProofs(store, { invoker: bob.did, subject: alice.did, command: '/mail', args, clock })
    args.to = 'eve@evil.example'
    expect(await found).toEqual([grant])
  })

  it('TOK-20 is a private key that matches the public key of its JWK at the time of the call', async () => {
    const { did, publicKey } = await importSigner({ seed: new Uint8Array(32).fill(1) })
    const x = encodeBase64url(publicKey)
    const jwk = { kty: 'OKP', crv: 'Ed25519', d: encodeBase64url(new Uint8Array(32).fill(1)), x }
    const other = { ...jwk, x: encodeBase64url(alice.publicKey) }
    const refused = expect(importSigner({ jwk: other })).rejects.toThrow('do not belong together')
    other.x = x
    await refused
    const taken = importSigner({ jwk })
    jwk.x = other.x
    expect((await taken).did).toBe(did)
  })

  it('TOK-20 are the relationships and the key that a resolver and a signer were made with', async () => {
    const did = parseDid('did:web:example.com')
    const method = { id: '#a', type: 'Multikey', controller: did, publicKeyMultibase: alice.did.slice(8) }
    const didDocument = { id: did, verificationMethod: [method], capabilityInvocation: ['#a'] }
    const relationships: VerificationRelationship[] = ['capabilityDelegation']
    const resolver = fromDidResolver({ resolve: async () => ({ didDocument }) }, { relationships })
    relationships[0] = 'capabilityInvocation'
    expect(await resolver.resolve(did, {})).toEqual({ keys: [] })

    const { algorithm, bytes } = parseDidKey(alice.did)
    const key = { algorithm, bytes, did: alice.did }
    const signer = remoteSigner({ did, key, sign: (message) => alice.sign(message) })
    key.bytes.fill(0)
    expect(await signer.sign(Uint8Array.of(1))).toEqual(await alice.sign(Uint8Array.of(1)))
  })
})

async function functionOf(entry: string, name: string): Promise<AnyFunction> {
  const exported = (await import(`${root}${readModules()[entry]}`)) as Readonly<Record<string, AnyFunction>>
  return exported[name.split(/[ .]/)[0] as string] as AnyFunction
}

/** Whether it is an option, or a list or map in one, and not something that is asked later. */
function isOurs(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return false
  if (Array.isArray(value)) return true
  const parts = Object.values(value)
  const isAsked = parts.length > 0 && parts.every((part) => typeof part === 'function')
  return Object.getPrototypeOf(value) === Object.prototype && !isAsked
}

function copyOf(value: unknown): unknown[] {
  const copy = (one: unknown): unknown => {
    if (one instanceof Uint8Array && !Object.isFrozen(one)) return new Uint8Array(one)
    if (!isOurs(one)) return one
    return Array.isArray(one)
      ? one.map(copy)
      : Object.fromEntries(Object.entries(one).map(([key, part]) => [key, copy(part)]))
  }
  return copy(value) as unknown[]
}

/** Puts something else everywhere, from the inside out. */
function spoil(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(0xaa)
  if (!isOurs(value)) return
  for (const part of Object.values(value)) spoil(part)
  if (Array.isArray(value)) value.splice(0, value.length, 'spoilt', 'spoilt')
  else for (const key of Object.keys(value)) value[key] = 'spoilt'
}

/** The result, without its random parts. */
function shown(answer: unknown): unknown {
  const { algorithm, did, sign } = (answer ?? {}) as Partial<Signer>
  return typeof sign === 'function' ? { algorithm, method: did?.split(':')[1] } : answer
}
