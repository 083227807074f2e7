import * as dagCbor from '@ipld/dag-cbor'
import { type API, Delegation, delegate, invoke, UCAN } from '@ucanto/core'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { describe, expect, it } from 'vitest'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { foreignVerdict, ownVerdict, peer } from './peers.ts'
import { block, type Fields, fieldsOf, nameOf, type RawBlock, rawArchive } from './raw.ts'

const [alice, bob, service] = await Promise.all([peer('alice'), peer('bob'), peer('service')])
const expiration = Math.floor(Date.now() / 1000) + 1000
const proof = await delegate({
  issuer: alice,
  audience: bob,
  capabilities: [{ can: 'mail/send', with: alice.did(), nb: { note: Uint8Array.of(0, 0, 0) } as object }],
  expiration,
})
const fields = fieldsOf(proof)

/** The archive of a call by the holder of a delegation, with the delegation in another form. */
async function callWith(form: RawBlock, blocks: readonly RawBlock[] = [form]): Promise<Uint8Array> {
  const given = Delegation.create({ root: form as unknown as API.UCANBlock, blocks: new Map() })
  const call = await invoke({
    issuer: bob,
    audience: service,
    capability: { can: 'mail/send', with: alice.did(), nb: { note: Uint8Array.of(0, 0, 0) } as object },
    proofs: [given],
    nonce: 'a nonce of enough bytes',
  }).delegate()
  return rawArchive([...blocks, call.root as unknown as RawBlock])
}

const changed = (change: (fields: Fields) => Fields): RawBlock => block(dagCbor.encode(change(structuredCopy(fields))))

/** A deep copy that keeps links and bytes. */
function structuredCopy(value: Fields): Fields {
  return dagCbor.decode(dagCbor.encode(value))
}

function firstCapability(value: Fields): Fields {
  return (value.att as Fields[])[0] as Fields
}

/** The same number as a float of eight bytes. */
function withFloat(bytes: Uint8Array, number: number): Uint8Array {
  const int = Buffer.alloc(5)
  int[0] = 0x1a
  int.writeUInt32BE(number, 1)
  const float = Buffer.alloc(9)
  float[0] = 0xfb
  float.writeDoubleBE(number, 1)
  const at = Buffer.from(bytes).indexOf(int)
  return Buffer.concat([bytes.subarray(0, at), float, bytes.subarray(at + 5)])
}

function asText(did: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x9d, 0x1a), Buffer.from(did.slice(4))])
}

const jwt = new TextEncoder().encode(UCAN.format(proof.data))

/** Forms of one token that other readers accept, each with the requirement that refuses it. */
const aliases: readonly (readonly [string, string, RawBlock])[] = [
  ['another field', 'UCT-10', changed((token) => ({ ...token, extra: 1 }))],
  ['a missing list of proofs', 'UCT-10', changed(({ prf: _, ...token }) => token)],
  ['a float for an integer', 'UCT-12', block(withFloat(proof.bytes, expiration))],
  [
    'a map that is signed like bytes',
    'UCT-13',
    changed((token) => {
      firstCapability(token).nb = { note: { '/': { bytes: 'AAAA' } } }
      return token
    }),
  ],
  ['the JWT, named as DAG-CBOR', 'UCT-14', block(jwt)],
  ['an issuer as text', 'UCT-16', changed((token) => ({ ...token, iss: asText(alice.did()) }))],
  ['an audience as text', 'UCT-16', changed((token) => ({ ...token, aud: asText(bob.did()) }))],
  [
    'bytes after the signature',
    'UCT-18',
    changed((token) => ({ ...token, s: Buffer.concat([token.s as Uint8Array, Uint8Array.of(0)]) })),
  ],
  [
    'capitals in `can`',
    'UCT-21',
    changed((token) => {
      firstCapability(token).can = 'Mail/send'
      return token
    }),
  ],
  ['`nbf: 0`', 'UCT-26', changed((token) => ({ ...token, nbf: 0 }))],
  ['`nnc: ""`', 'UCT-27', changed((token) => ({ ...token, nnc: '' }))],
  ['`fct: []`', 'UCT-28', changed((token) => ({ ...token, fct: [] }))],
  ['the JWT', 'UCT-03', { cid: nameOf(jwt, 0x55), bytes: jwt }],
  ['an identity CID', 'UCT-20', { cid: CID.createV1(0x71, identity.digest(proof.bytes)), bytes: proof.bytes }],
  ['the CID of other bytes', 'UCT-04', { cid: nameOf(Uint8Array.of(1)), bytes: proof.bytes }],
]

describe('another encoding of a token: UCT-03 UCT-04 UCT-10 UCT-12 UCT-13 UCT-14 UCT-16 UCT-18 UCT-20 UCT-21 UCT-26 UCT-27 UCT-28 [attack 20, 37-40]', () => {
  it.each(aliases)('%s: %s refuses a form that other readers accept', async (_, requirement, form) => {
    const bytes = await callWith(form)
    await expect.soft(foreignVerdict(bytes, service)).resolves.toBe('allowed')
    await expect(ownVerdict(bytes)).resolves.toContain(requirement)
  })

  it('does not circumvent a revocation, because only one form is accepted', async () => {
    const revocations = memoryRevocationStore()
    await revocations.add({ ids: [proof.cid.toString()], expiration })
    const genuine = await callWith(proof.root as unknown as RawBlock)
    await expect(ownVerdict(genuine)).resolves.toBe('allowed')
    await expect(ownVerdict(genuine, { revocations })).resolves.toBe('revoked at 0 RVK-05')
    for (const [, requirement, form] of aliases) {
      await expect.soft(ownVerdict(await callWith(form), { revocations })).resolves.toContain(requirement)
    }
  })

  it('UCT-61 cannot contain its own CID [attack 24]', async () => {
    const cid = nameOf(Uint8Array.of(2))
    const bytes = dagCbor.encode({ ...fields, prf: [cid] })
    await expect(ownVerdict(await callWith({ cid, bytes }))).resolves.toBe('malformed at container UCT-61')
  })
})
