import { delegate, UCAN } from '@ucanto/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultBounds } from '../../src/bounds.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { decodeCbor } from '../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../src/core/ipld/encode.ts'
import type { IpldMap, IpldValue } from '../../src/core/ipld/value.ts'
import { openToken } from '../../src/ucanto/open-token.ts'
import { algorithmName } from '../../src/ucanto/signature-frame.ts'
import { dagJson, signingInput } from '../../src/ucanto/signing-input.ts'
import { anyValue } from '../core/ipld/arbitrary.ts'
import { shortRuns } from '../property/runs.ts'
import { peer } from './peers.ts'

describe('the signed text', () => {
  it('equals the signing input of @ucanto/core, for random values', () => {
    const special: readonly IpldValue[] = [
      [1e21, -0.5, 2 ** 60, null, true],
      { '\ud83d\ude00': 1, '\uffee': 2, b: 3, aa: 4 },
      'a"\\\n\u2028',
    ]
    for (const value of special) expect.soft(text(value)).toBe(peerText(value))
    fc.assert(
      fc.property(anyValue(), (value) => {
        fc.pre(!hasSlash(value))
        expect(text(value)).toBe(peerText(value))
      }),
      shortRuns(300),
    )
  })

  it('equals the signing input of @ucanto/core, for every field', async () => {
    const [alice, bob] = (await Promise.all(['alice', 'bob'].map(peer))) as [Peer, Peer]
    const proof = await delegate({ issuer: alice, audience: bob, capabilities: [{ can: '*', with: 'ucan:*' }] })
    const token = await delegate({
      issuer: bob,
      audience: { did: () => 'did:web:example.com' as const },
      capabilities: [
        {
          can: 'mail/send',
          with: 'mailto:a@example.com',
          nb: { to: 'ü', n: 1.5, at: proof.cid, raw: Uint8Array.of(1, 2) } as object,
        },
      ],
      facts: [{ z: 1, a: [true, null] } as never, { b: 'c' }],
      nonce: 'nonce',
      notBefore: 5,
      expiration: Number.POSITIVE_INFINITY,
      proofs: [proof],
    })
    const { signed } = openToken(new Uint8Array(token.bytes), { bounds: defaultBounds, parseDid })
    const text = UCAN.format(token.data)
    expect(new TextDecoder().decode(signed())).toBe(text.slice(0, text.lastIndexOf('.')))
  })

  it('differs for different values', () => {
    fc.assert(
      fc.property(anyValue(), anyValue(), (a, b) => {
        fc.pre(!hasSlash(a) && !hasSlash(b))
        const same = Buffer.compare(canonical(a), canonical(b)) === 0
        expect(dagJson(a) === dagJson(b)).toBe(same)
      }),
      shortRuns(300),
    )
  })
})

const did = parseDid('did:web:example.com')
const attOf = (value: IpldValue): IpldValue => [{ can: 'mail/send', with: did, nb: { value } }]

function text(value: IpldValue): string {
  const payload = { att: attOf(value), exp: 5, prf: [] }
  return new TextDecoder().decode(signingInput({ issuer: did, audience: did, payload }, algorithmName('Ed25519')))
}

function peerText(value: IpldValue): string {
  const principal = { did: () => did }
  const model = { v: '0.9.1', iss: principal, aud: principal, att: attOf(value), exp: 5, prf: [], fct: [] }
  const s = { algorithm: 'EdDSA', raw: new Uint8Array(0) }
  return UCAN.format({ ...model, s } as unknown as Parameters<typeof UCAN.format>[0]).slice(0, -1)
}

type Peer = Awaited<ReturnType<typeof peer>>

const canonical = (value: IpldValue): Uint8Array => encodeCbor(decodeCbor(encodeCbor(value)))

function hasSlash(value: IpldValue): boolean {
  if (Array.isArray(value)) return value.some(hasSlash)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || 'asCID' in value) return false
  return Object.entries(value as IpldMap).some(([key, inner]) => key === '/' || hasSlash(inner))
}
