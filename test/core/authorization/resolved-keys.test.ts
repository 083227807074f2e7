import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { decodeDelegation } from '../../../src/core/delegation/decode-delegation.ts'
import { type Did, parseDid } from '../../../src/core/did/did.ts'
import { parseDidKey } from '../../../src/core/did/did-key.ts'
import { keyResolver, keysOf, type ResolvedDid } from '../../../src/core/did/resolver.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { issueReceipt } from '../../../src/core/receipt/issue-receipt.ts'
import { verifyReceipt } from '../../../src/core/receipt/verify-receipt.ts'
import { ResolutionError } from '../../../src/errors.ts'
import { actor } from '../../support/actors.ts'
import { delegationPayload, invocationPayload, sealRaw } from '../../support/raw-token.ts'
import { call, createService, service, verdict } from '../../support/service.ts'

const web = parseDid('did:web:example.com')
const [before, after, alice] = (await Promise.all(['before', 'after', 'alice'].map((name) => actor(name)))) as [
  Signer,
  Signer,
  Signer,
]

/** A call of the DID with its own nonce, signed with any key. */
async function container(did: string, signer: Signer): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(12))
  const payload = { ...invocationPayload(did), aud: service.did, nonce }
  return encodeContainer([{ bytes: await sealRaw(signer, { tag: 'ucan/inv@1.0.0', payload }) }])
}

/** A key as a resolver of somebody's own may put it together. */
const named = ({ algorithm, publicKey: bytes }: Signer, did: Did) => ({ algorithm, bytes, did })

/** A service whose resolver returns `answer` for each DID except `did:key`. */
function serviceThatHears() {
  const heard: { answer: unknown } = { answer: undefined }
  const errors: unknown[] = []
  const { authorize } = createService({
    resolver: {
      resolve: (did) => (did.startsWith('did:key:') ? keyResolver().resolve(did, {}) : (heard.answer as ResolvedDid)),
    },
    onError: (error) => errors.push(error),
  })
  const said = async (did: string, signer: Signer) => verdict(await authorize(await container(did, signer)))
  return { heard, errors, said }
}

describe('PRF-18 keys that have to be looked up', () => {
  it('are not looked up for a forged delegation by a did:key, of a call or of a revocation [attack 69]', async () => {
    const asked: string[] = []
    const resolver = {
      resolve: (did: Did) => {
        if (did.startsWith('did:key:')) return keyResolver().resolve(did, {})
        asked.push(did)
        return { keys: [named(before, did)] }
      },
    }
    const { authorize } = createService({ resolver, subjects: [alice.did] })
    const stranger = parseDid('did:web:h1.evil.example')
    const call = async (signer: Signer): Promise<string> => {
      const given = { ...delegationPayload(alice.did, stranger), sub: alice.did }
      const root = await decodeDelegation(await sealRaw(signer, { payload: given }))
      const payload = { ...invocationPayload(stranger), aud: service.did, sub: alice.did, prf: [root.cid] }
      return encodeContainer([{ bytes: await sealRaw(before, { tag: 'ucan/inv@1.0.0', payload }) }, root])
    }
    expect(verdict(await authorize(await call(before)))).toBe('signature_invalid at 0 PRF-08')
    expect(asked).toEqual([])
    expect(verdict(await authorize(await call(alice)))).toBe('allowed')
    expect(asked).toEqual([stranger])
  })
})

describe('DID-11 the keys that a resolver gives', () => {
  it('count by their bytes, so that a key that was exchanged counts no longer [attack 72]', async () => {
    const { heard, said } = serviceThatHears()
    heard.answer = { keys: [named(before, web)] }
    expect(await said(web, before)).toBe('allowed')
    heard.answer = { keys: [named(after, web)] }
    expect(await said(web, before)).toBe('signature_invalid at 0 PRF-08')
    expect(await said(web, after)).toBe('allowed')
  })

  it('count in their present state, even if the resolver changes an earlier answer [attack 72]', async () => {
    const { heard, said } = serviceThatHears()
    const keys = [named(before, web)]
    const answer = { keys }
    heard.answer = answer
    expect(await said(web, before)).toBe('allowed')
    keys[0] = named(after, web)
    expect(await said(web, before)).toBe('signature_invalid at 0 PRF-08')
    expect(await said(web, after)).toBe('allowed')
    answer.keys = []
    expect(await said(web, after)).toBe('key_unresolved at 0 PRF-10')
    answer.keys = Object.freeze([named(before, web)]) as typeof keys
    expect(await said(web, before)).toBe('allowed')
    answer.keys = Object.freeze([named(after, web)]) as typeof keys
    expect(await said(web, before)).toBe('signature_invalid at 0 PRF-08')
  })

  it('count for a delegation in their present state, however often it was verified before [attack 72]', async () => {
    let key = before
    for (const rememberProofs of [false, true]) {
      key = before
      const { authorize } = createService({
        rememberProofs,
        resolver: { resolve: (did) => (did === web ? { keys: [named(key, web)] } : keyResolver().resolve(did, {})) },
      })
      const payload = { ...delegationPayload(web, alice.did) }
      const root = await decodeDelegation(await sealRaw(before, { payload }))
      const said = async (): Promise<string> => {
        const invocation = await call({ issuer: alice, subject: web, proofs: [root] })
        return verdict(await authorize(encodeContainer([invocation, root])))
      }
      for (let times = 0; times < 4; times += 1) expect(await said()).toBe('allowed')
      key = after
      for (let times = 0; times < 2; times += 1) expect(await said()).toBe('signature_invalid at 0 PRF-08')
    }
  })

  it('are tried up to the eighth of the algorithm of the signature', async () => {
    const { heard, said } = serviceThatHears()
    const others = await Promise.all(Array.from({ length: 7 }, (_, at) => actor(`other ${at}`)))
    const p256 = await actor('p256', 'ES256')
    heard.answer = { keys: [...others, p256, after].map((key) => named(key, web)) }
    expect(await said(web, after)).toBe('allowed')
    heard.answer = { keys: [...others, before, after].map((key) => named(key, web)) }
    expect(await said(web, after)).toBe('signature_invalid at 0 PRF-08')
  })

  it('cannot sign for another DID, whatever name they have', async () => {
    const { heard, said } = serviceThatHears()
    heard.answer = { keys: [named(after, alice.did)] }
    expect(await said(web, after)).toBe('allowed')
    expect(await said(alice.did, after)).toBe('signature_invalid at 0 PRF-08')
    expect(await said(alice.did, alice)).toBe('allowed')
  })

  it('are for a `did:key` itself and no other', async () => {
    const { authorize } = createService({ resolver: { resolve: () => ({ keys: [parseDidKey(after.did)] }) } })
    expect(verdict(await authorize(await container(alice.did, after)))).toBe('key_unresolved at 0 PRF-10')
    expect(verdict(await authorize(await container(after.did, after)))).toBe('allowed')
  })

  it('are asked for each time when they come later, also of a `did:key`', async () => {
    const shutOut = new Set<string>()
    const { authorize } = createService({
      resolver: { resolve: async (did) => (shutOut.has(did) ? undefined : keyResolver().resolve(did, {})) },
    })
    expect(verdict(await authorize(await container(alice.did, alice)))).toBe('allowed')
    shutOut.add(alice.did)
    expect(verdict(await authorize(await container(alice.did, alice)))).toBe('key_unresolved at 0 PRF-10')
  })

  it('are at hand for a `did:key` alone, also when another DID has the same key', async () => {
    const { heard, said } = serviceThatHears()
    heard.answer = { keys: [named(before, web)] }
    for (const did of [before.did, web, before.did, web]) expect(await said(did, before)).toBe('allowed')
    for (const did of [before.did, web]) expect(await said(did, after)).toBe('signature_invalid at 0 PRF-08')
    heard.answer = { keys: [named(after, web)] }
    expect(await said(web, before)).toBe('signature_invalid at 0 PRF-08')
    expect(await said(before.did, before)).toBe('allowed')
    const shutOut = new Set<string>()
    const { authorize } = createService({
      resolver: {
        resolve: (did) => {
          if (did === web) return { keys: [named(before, web)] }
          return Promise.resolve(shutOut.has(did) ? undefined : keyResolver().resolve(did, {}))
        },
      },
    })
    for (const did of [before.did, web, before.did]) {
      expect(verdict(await authorize(await container(did, before)))).toBe('allowed')
    }
    shutOut.add(before.did)
    expect(verdict(await authorize(await container(before.did, before)))).toBe('key_unresolved at 0 PRF-10')
  })

  it('are not inherited from a property that somebody has added to every object', async () => {
    const { heard, said } = serviceThatHears()
    heard.answer = { keys: [named(before, web)] }
    expect(await said(web, before)).toBe('allowed')
    const key = parseDidKey(alice.did)
    Object.defineProperty(Object.prototype, 'ready', {
      configurable: true,
      value: { key, prepared: backend.prepareKey(key) },
    })
    try {
      expect(await said(web, alice)).toBe('signature_invalid at 0 PRF-08')
    } finally {
      Reflect.deleteProperty(Object.prototype, 'ready')
    }
  })

  it('are looked at up to a number, as a stranger can list very many', () => {
    const keys = Array.from({ length: 1_000 }, () => named(before, web))
    expect(keysOf(web, { keys })).toHaveLength(64)
  })

  it('are checked like keys in a token, and invalid ones are an error of the resolver', async () => {
    const smallOrder = Uint8Array.of(1, ...new Uint8Array(31))
    const wrong: readonly unknown[] = [
      { keys: 'z6Mk' },
      { keys: {} },
      { keys: [null] },
      { keys: [{ algorithm: 'Ed25519' }] },
      { keys: [{ ...named(before, web), algorithm: 'RS256' }] },
      { keys: [{ ...named(before, web), algorithm: 'ES256' }] },
      { keys: [{ ...named(before, web), bytes: smallOrder }] },
      { keys: [{ ...named(before, web), bytes: before.publicKey.subarray(1) }] },
    ]
    const { heard, errors, said } = serviceThatHears()
    for (const [at, answer] of wrong.entries()) {
      heard.answer = answer
      expect(await said(web, before), String(at)).toBe('key_unresolved at 0 PRF-10')
      expect(errors, String(at)).toHaveLength(at + 1)
      expect(() => keysOf(web, answer as ResolvedDid), String(at)).toThrow(ResolutionError)
    }
    const { task } = await call({ issuer: alice })
    const receipt = await issueReceipt({ executor: { ...before, did: web }, task, outcome: { ok: 1 } })
    const resolver = { resolve: () => ({ keys: [null] }) as never }
    const verified = verifyReceipt(receipt.bytes, { executor: web, task, resolver })
    await expect(verified).rejects.toThrow(ResolutionError)
  })
})
