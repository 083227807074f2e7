import * as dagCbor from '@ipld/dag-cbor'
import { describe, expect, it } from 'vitest'
import { type Bounds, defaultBounds } from '../../src/bounds.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { decode } from '../../src/ucanto/decode.ts'
import { withSignature } from '../../src/ucanto/signature-frame.ts'
import { actor } from '../support/actors.ts'
import { refusalOf } from '../support/refusal.ts'
import { verdict } from '../support/service.ts'
import { ownOptions } from './peers.ts'
import { type Fields, rawArchive } from './raw.ts'
import { writeToken } from './writer.ts'

const [alice, service, curved] = (await Promise.all([actor('alice'), actor('service'), actor('alice', 'ES256')])) as [
  Actor,
  Actor,
  Actor,
]
type Actor = Awaited<ReturnType<typeof actor>>

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])

/** The call of an owner with these arguments, as an archive. */
async function callWith(nb: object, issuer: Actor = alice): Promise<Uint8Array> {
  const att = [{ can: 'mail/send', with: issuer.did, nb }]
  return rawArchive([
    await writeToken({
      issuer,
      audience: service,
      att,
      nnc: 'nonce of the call',
      exp: Math.floor(Date.now() / 1000) + 60,
    }),
  ])
}

async function decide(bytes: Uint8Array, bounds: Partial<Bounds>): Promise<readonly string[]> {
  const errors: unknown[] = []
  const authorizer = createAuthorizer(ownOptions({ bounds, onError: (error) => errors.push(error) }))
  return [verdict(await authorizer.authorize(bytes)), ...errors.map(String)]
}

describe('raised bounds', () => {
  it.each([
    ['depth', { depth: 64 }, { deep: nested(40) }, 'CBR-16'],
    ['depth, to the most', { depth: 256 }, { deep: nested(250) }, 'CBR-16'],
    ['items', { items: 20_000 }, { wide: Array.from({ length: 12_000 }, () => 1) }, 'CBR-17'],
    ['bytes of a token', { tokenBytes: 200_000 }, { long: 'x'.repeat(100_000) }, 'UCT-01'],
  ] as const)('UCT-01 hold for the whole of a token: %s', async (_, bounds, nb, requirement) => {
    const bytes = await callWith(nb)
    expect(await decide(bytes, bounds)).toEqual(['allowed'])
    await expect(decode(bytes, { bounds })).resolves.toHaveLength(1)
    await expect(refusalOf(() => decode(bytes))).resolves.toContain(requirement)
    expect(await decide(bytes, defaultBounds)).toEqual([`too_large at container ${requirement}`])
  })

  it('UCT-01 apply to tokens with an ECDSA signature, which have a second CID', async () => {
    const grant = await writeToken({
      issuer: curved,
      audience: alice,
      att: [{ can: 'mail/*', with: curved.did }],
      fct: [{ long: 'x'.repeat(100_000) }],
    })
    const att = [{ can: 'mail/send', with: curved.did }]
    const exp = Math.floor(Date.now() / 1000) + 60
    const nnc = 'nonce of the call'
    const call = await writeToken({ issuer: alice, audience: service, att, prf: [grant.cid], nnc, exp })
    expect(await decide(rawArchive([grant, call]), { tokenBytes: 200_000 })).toEqual(['allowed'])
  })
})

describe('the second CID of a token', () => {
  it.each(['ES256', 'ES256K', 'Ed25519'] as const)(
    'is the CID of the bytes with the other signature: %s',
    async (algorithm) => {
      const issuer = await actor('alice', algorithm)
      const { bytes } = await writeToken({ issuer, audience: service, att: [], nnc: 'n', nbf: 1, fct: [{ a: 1 }] })
      const raw = new Uint8Array(64).fill(7)
      const fields = dagCbor.decode<Fields>(bytes)
      const s = new Uint8Array(fields.s as Uint8Array)
      s.set(raw, s.length - 64)
      expect(Buffer.from(withSignature({ bytes }, raw))).toEqual(Buffer.from(dagCbor.encode({ ...fields, s })))
    },
  )
})
