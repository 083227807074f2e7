import { readFileSync } from 'node:fs'
import * as dagCbor from '@ipld/dag-cbor'
import { describe, expect, it } from 'vitest'
import { decodeStrict, encodeCanonical, Float } from './cbor.ts'
import { cidOf, type Reason, type ReferenceQuestion, referenceAuthorize, replayKey, twinOf } from './chain.ts'
import { fromJson } from './dag-json.ts'
import { type Algorithm, parseDidKey, verifySignature } from './keys.ts'
import { principalOf, writeToken } from './writer.ts'

const fixtures = new URL('../fixtures/ucan/ucan-wg_spec/', import.meta.url)

interface InvocationCase {
  readonly name: string
  readonly invocation: Uint8Array
  readonly proofs: readonly Uint8Array[]
  readonly time: number
  readonly error?: { readonly name: string }
}

const reasonOf: { readonly [error: string]: readonly Reason[] } = {
  InvalidClaim: ['root_not_subject'],
  UnavailableProof: ['proof_missing'],
  Expired: ['expired'],
  TooEarly: ['not_yet_valid'],
  InvalidAudience: ['principal_misaligned'],
  InvalidSubject: ['subject_misaligned'],
  InvalidSignature: ['signature_invalid'],
  MatchError: ['policy_unsatisfied'],
}

function ask(
  tokens: readonly Uint8Array[],
  more: Partial<ReferenceQuestion> = {},
): ReturnType<typeof referenceAuthorize> {
  return referenceAuthorize({ tokens, audience: '', subjects: 'any', commands: 'any', now: 0, ...more })
}

describe('reference authorization', () => {
  for (const version of ['1.0.0', '1.0.0-rc.1']) {
    const text = readFileSync(new URL(`${version}/invocation.json`, fixtures), 'utf8')
    const cases = fromJson(JSON.parse(text)) as { valid: InvocationCase[]; invalid: InvocationCase[] }

    const verdictOf = ({ invocation, proofs, time }: InvocationCase): ReturnType<typeof referenceAuthorize> => {
      const [, signed] = dagCbor.decode<[Uint8Array, { [tag: string]: { aud?: string; sub: string } }]>(invocation)
      const payload = signed[`ucan/inv@${version}`]
      return ask([invocation, ...proofs], {
        audience: payload?.aud ?? payload?.sub ?? '',
        now: time,
        maxLifetime: 'never',
        releaseCandidate: version !== '1.0.0',
      })
    }

    for (const one of cases.valid) {
      it(`allows the official ${version} case "${one.name}"`, () => {
        expect([...verdictOf(one).reasons]).toEqual([])
      })
    }
    for (const one of cases.invalid) {
      it(`refuses the official ${version} case "${one.name}" for its reason`, () => {
        const { reasons } = verdictOf(one)
        for (const reason of reasonOf[one.error?.name ?? ''] ?? ['malformed']) expect([...reasons]).toContain(reason)
      })
    }

    it(`reads the official ${version} delegation`, () => {
      const { valid } = JSON.parse(readFileSync(new URL(`${version}/delegation.json`, fixtures), 'utf8')) as {
        valid: { token: string; cid: string }[]
      }
      for (const { token, cid } of valid) {
        const bytes = new Uint8Array(Buffer.from(token, 'base64'))
        expect(cidOf(bytes)).toBe(cid)
        const { reasons } = ask([bytes], { releaseCandidate: version !== '1.0.0' })
        expect([...reasons]).toEqual(['invocation_missing'])
      }
    })
  }

  const algorithms: readonly Algorithm[] = ['Ed25519', 'ES256', 'ES256K']
  for (const algorithm of algorithms) {
    const subject = principalOf('subject', algorithm)
    const agent = principalOf('agent', algorithm)
    const proof = writeToken({
      tag: 'ucan/dlg@1.0.0',
      signer: subject,
      fields: {
        iss: subject.did,
        aud: agent.did,
        sub: subject.did,
        cmd: '/a',
        pol: [['==', '.x', 1]],
        nonce: new Uint8Array(12),
        exp: null,
      },
    })
    const call = (prf: readonly Uint8Array[], args: unknown = { x: 1 }): Uint8Array =>
      writeToken({
        tag: 'ucan/inv@1.0.0',
        signer: agent,
        fields: {
          iss: agent.did,
          sub: subject.did,
          cmd: '/a/b',
          args,
          prf: prf.map((bytes) => fromJson({ '/': cidOf(bytes) })),
          nonce: new Uint8Array(12),
          exp: 100,
        },
      })
    const audience = subject.did

    it(`allows a chain of ${algorithm} keys, and refuses it once seen or revoked`, () => {
      const invocation = call([proof])
      expect(ask([invocation, proof], { audience }).allowed).toBe(true)
      expect([...ask([invocation, proof], { audience, seen: new Set([replayKey(invocation)]) }).reasons]).toEqual([
        'replayed',
      ])
      for (const id of [cidOf(proof), subject.did, agent.did]) {
        expect([...ask([invocation, proof], { audience, revoked: [{ id }] }).reasons]).toEqual(['revoked'])
      }
      expect([...ask([call([proof], { x: 2 }), proof], { audience }).reasons]).toEqual(['policy_unsatisfied'])
      expect(ask([call([proof], { x: new Float(1) }), proof], { audience }).allowed).toBe(true)
    })

    it(`knows the twin of an ${algorithm} token, when there is one`, () => {
      const twin = twinOf(proof)
      if (algorithm === 'Ed25519') return expect(twin).toBeUndefined()
      if (twin === undefined) throw new Error('a twin was expected')
      expect(cidOf(twin)).not.toBe(cidOf(proof))
      expect(ask([call([twin]), twin], { audience }).allowed).toBe(true)
      expect([...ask([call([twin]), twin], { audience, revoked: [{ id: cidOf(proof) }] }).reasons]).toEqual(['revoked'])
      const invocation = call([proof])
      const again = twinOf(invocation) as Uint8Array
      expect(replayKey(again)).toBe(replayKey(invocation))
    })
  }

  it('writes what @ipld/dag-cbor writes, and refuses what is not canonical', () => {
    const value = { b: [1, -1, 2 ** 40, 1.5, null, true, 'ü'], aa: new Uint8Array([1]), a: { z: {}, y: [] } }
    const bytes = encodeCanonical(value)
    expect(bytes).toEqual(dagCbor.encode(value))
    expect(decodeStrict(bytes)?.value).toEqual(value)
    expect(decodeStrict(encodeCanonical([new Float(1)]))).toEqual({ value: [1], wholeFloats: ['/0'] })
    const bad = [
      '1801',
      'a2616201616101',
      'a26161016161 02',
      'f7',
      'f93c00',
      'fa3f800000',
      '9fff',
      '61ff',
      '0000',
      '1b0020000000000000',
      'fb7ff8000000000000',
      'a1695f5f70726f746f5f5f01',
    ]
    for (const hex of bad)
      expect(decodeStrict(new Uint8Array(Buffer.from(hex.replace(' ', ''), 'hex'))), hex).toBeUndefined()
  })

  it('holds Ed25519 keys and signatures to the strict rule', () => {
    expect(parseDidKey('did:key:z6MkeXATEjyXENzBXBxgC5EHk2JE5aqd7qMGGtDpLUH1e2Sj')).toBeUndefined()
    const key = principalOf('subject')
    const message = new Uint8Array([1, 2, 3])
    const signature = key.sign(message)
    const reader = parseDidKey(key.did)
    if (typeof reader !== 'object') throw new Error('a key was expected')
    expect(verifySignature(reader, signature, message)).toBe(true)
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    const s = BigInt(`0x${Buffer.from(signature.slice(32)).reverse().toString('hex')}`) + order
    const large = Uint8Array.from([
      ...signature.slice(0, 32),
      ...Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(),
    ])
    expect(verifySignature(reader, large, message)).toBe(false)
  })
})
