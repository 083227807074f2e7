import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { decodeDelegation } from '../../../src/core/delegation/decode-delegation.ts'
import { decodeInvocation } from '../../../src/core/invocation/decode-invocation.ts'
import { actor, now } from '../../support/actors.ts'
import { delegationPayload, invocationPayload, sealRaw } from '../../support/raw-token.ts'
import { refusalOf } from '../../support/refusal.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const delegationFields = delegationPayload(alice.did, bob.did)
const invocationFields = invocationPayload(alice.did)
const rc = { accept: ['1.0.0-rc.1'] as const }

const delegationRefusal = async (change: Record<string, unknown>): Promise<string> => {
  const bytes = await sealRaw(alice, { payload: { ...delegationFields, ...change } })
  return refusalOf(() => decodeDelegation(bytes))
}
const invocationRefusal = async (change: Record<string, unknown>): Promise<string> => {
  const bytes = await sealRaw(alice, { tag: 'ucan/inv@1.0.0', payload: { ...invocationFields, ...change } })
  return refusalOf(() => decodeInvocation(bytes))
}

describe('payloads', () => {
  it('are malformed when their memory was transferred', async () => {
    for (const decode of [decodeDelegation, decodeInvocation]) {
      const bytes = new Uint8Array(await sealRaw(alice, { payload: delegationFields }))
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
      expect(bytes).toHaveLength(0)
      await expect(decode(bytes)).rejects.toMatchObject({ name: 'MalformedError' })
    }
  })

  it('TOK-01 lack no required field', async () => {
    for (const name of Object.keys(delegationFields)) {
      expect(await delegationRefusal({ [name]: undefined }), name).toBe('TOK-01')
    }
    for (const name of Object.keys(invocationFields)) {
      expect(await invocationRefusal({ [name]: undefined }), name).toBe('TOK-01')
    }
  })

  it('TOK-02 are refused with an unknown field [attack 27]', async () => {
    for (const name of ['x', 'prf', 'args', 'iat', 'fct', 'constructor', 'toString']) {
      expect(await delegationRefusal({ [name]: null }), name).toBe('TOK-02')
    }
    for (const name of ['x', 'pol', 'fct', 'ISS', 'hasOwnProperty']) {
      expect(await invocationRefusal({ [name]: null }), name).toBe('TOK-02')
    }
  })

  it('TOK-03 name principals by DIDs', async () => {
    for (const name of ['iss', 'aud', 'sub']) {
      expect(await delegationRefusal({ [name]: 7 }), name).toBe('TOK-03')
      expect(await invocationRefusal({ [name]: ['did:key:z'] }), name).toBe('TOK-03')
      expect(await delegationRefusal({ [name]: 'alice' }), name).toMatch(/^DID-/)
    }
    expect(await delegationRefusal({ sub: null })).toBe('accepted')
    expect(await invocationRefusal({ sub: null })).toBe('TOK-03')
    expect(await delegationRefusal({ iss: null })).toBe('TOK-03')
  })

  it('TOK-04 have a command in normal form [attack 44]', async () => {
    expect(await delegationRefusal({ cmd: null })).toBe('TOK-04')
    expect(await delegationRefusal({ cmd: '/mail/' })).toMatch(/^CMD-/)
    expect(await invocationRefusal({ cmd: '/Mail' })).toMatch(/^CMD-/)
  })

  it('TOK-05 have a nonce of at most 64 bytes', async () => {
    expect(await delegationRefusal({ nonce: 'text' })).toBe('TOK-05')
    expect(await delegationRefusal({ nonce: new Uint8Array(65) })).toBe('TOK-05')
    expect(await delegationRefusal({ nonce: new Uint8Array(64) })).toBe('accepted')
  })

  it('TOK-06 have a map as meta', async () => {
    expect(await delegationRefusal({ meta: [] })).toBe('TOK-06')
    expect(await invocationRefusal({ meta: null })).toBe('TOK-06')
    expect(await invocationRefusal({ meta: { note: 'x' } })).toBe('accepted')
  })

  it('TOK-07 are refused with an empty meta in 1.0.0, but not in release candidates', async () => {
    expect(await delegationRefusal({ meta: {} })).toBe('TOK-07')
    expect(await invocationRefusal({ meta: {} })).toBe('TOK-07')
    const bytes = await sealRaw(alice, { tag: 'ucan/dlg@1.0.0-rc.1', payload: { ...delegationFields, meta: {} } })
    expect((await decodeDelegation(bytes, rc)).meta).toEqual({})
  })

  it('TOK-08 have a map as args', async () => {
    for (const args of [null, [], 'x', 1, new Uint8Array(1)]) {
      expect(await invocationRefusal({ args }), String(args)).toBe('TOK-08')
    }
  })

  it('TOK-09 are refused with an audience that repeats the subject in 1.0.0', async () => {
    expect(await invocationRefusal({ aud: alice.did })).toBe('TOK-09')
    expect(await invocationRefusal({ aud: bob.did })).toBe('accepted')
  })

  it('TOK-10 have a list as prf', async () => {
    expect(await invocationRefusal({ prf: {} })).toBe('TOK-10')
    expect(await invocationRefusal({ prf: null })).toBe('TOK-10')
  })

  it('TOK-11 name tokens by CIDv1 of dag-cbor and sha2-256 [attack 40]', async () => {
    const links = [
      'bafkreiebzrnroamgos2adnbpgw5apo3z4iishhbdx77gldnbk57d4zdio4', // raw
      'bafkqabiaaebagba', // identity hash
      'QmXg9Pp2ytZ14xgmQjYEiHjVjMFXzCVVEcRTWJBmLgR39V', // version 0
    ].map((text) => CID.parse(text))
    for (const link of links) {
      expect(await invocationRefusal({ prf: [link] }), link.toString()).toBe('TOK-11')
      expect(await invocationRefusal({ cause: link }), link.toString()).toBe('TOK-11')
    }
    expect(await invocationRefusal({ prf: ['bafy'] })).toBe('TOK-11')
  })

  it('TOK-12 of an invocation are not read as a delegation', async () => {
    const bytes = await sealRaw(alice, { tag: 'ucan/inv@1.0.0', payload: invocationFields })
    expect(await refusalOf(() => decodeDelegation(bytes))).toBe('TOK-12')
  })

  it('TOK-13 of a delegation are not read as an invocation', async () => {
    const bytes = await sealRaw(alice, { payload: delegationFields })
    expect(await refusalOf(() => decodeInvocation(bytes))).toBe('TOK-13')
  })

  it('TIM-01 have whole numbers of seconds as times [attack 12]', async () => {
    const bad = [1.5, '1800000000', true, new Uint8Array(8), [now], -(2 ** 53), 2 ** 53 + 2, 1e300]
    for (const value of bad) {
      expect(await delegationRefusal({ exp: value }), String(value)).toMatch(/^TIM-01|^CBR-/)
      expect(await delegationRefusal({ nbf: value }), String(value)).toMatch(/^TIM-01|^CBR-/)
      expect(await invocationRefusal({ iat: value }), String(value)).toMatch(/^TIM-01|^CBR-/)
    }
    expect(await delegationRefusal({ nbf: null })).toBe('TIM-01')
    expect(await delegationRefusal({ exp: null })).toBe('accepted')
    expect(await delegationRefusal({ exp: -5 })).toBe('accepted')
  })
})
