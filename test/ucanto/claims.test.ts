import * as dagCbor from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { defaultBounds } from '../../src/bounds.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { parseDid } from '../../src/core/did/did.ts'
import type { CryptoBackend } from '../../src/core/principal/backend/backend.ts'
import { backend as node } from '../../src/core/principal/backend/node.ts'
import { backend as web } from '../../src/core/principal/backend/web.ts'
import type { RevocationStore } from '../../src/core/revocation/revocation-store.ts'
import { MalformedError } from '../../src/errors.ts'
import { decode } from '../../src/ucanto/decode.ts'
import { type OpenToken, openToken } from '../../src/ucanto/open-token.ts'
import { hostileUcantoTokens } from '../fuzz/containers.ts'
import { randomOf } from '../fuzz/random.ts'
import { shortRuns } from '../property/runs.ts'
import { actor } from '../support/actors.ts'
import { refusalOf } from '../support/refusal.ts'
import { serviceOptions, verdict } from '../support/service.ts'
import { ownOptions } from './peers.ts'
import { block, car, cborBlock, type RawBlock, rawArchive } from './raw.ts'
import { writeToken } from './writer.ts'

const [alice, bob, service, curved] = (await Promise.all([
  actor('alice'),
  actor('bob'),
  actor('service'),
  actor('alice', 'ES256'),
])) as [Actor, Actor, Actor, Actor]
type Actor = Awaited<ReturnType<typeof actor>>

const soon = Math.floor(Date.now() / 1000) + 60
let serial = 0

/** A call with its proof chain. */
const callBy = (issuer: Actor, subject: string, prf: readonly CID[] = [], nb: object = {}): Promise<RawBlock> =>
  writeToken({
    ...{ issuer, audience: service, prf, exp: soon, nnc: `nonce of call ${serial++}` },
    att: [{ can: 'mail/send', with: subject, nb }],
  })

const decide = async (bytes: Uint8Array | string, change: Partial<AuthorizeOptions> = {}): Promise<string> =>
  verdict(await createAuthorizer(ownOptions(change, { attestationAuthorities: [service.did] })).authorize(bytes))

describe('the specification of archives', () => {
  it('applies only to services that list the format', async () => {
    const bytes = rawArchive([await callBy(alice, alice.did)])
    const base64 = Buffer.from(bytes).toString('base64')
    for (const form of [
      bytes,
      `m${base64.replaceAll('=', '')}`,
      `u${Buffer.from(bytes).toString('base64url')}`,
      base64,
    ]) {
      expect(await decide(form)).toBe('allowed')
      const other = await createAuthorizer(serviceOptions()).authorize(form)
      expect(other.allowed).toBe(false)
    }
  })

  it('UCT-01 limits bytes and blocks before anything is hashed', async () => {
    const hashed: number[] = []
    const backend: CryptoBackend = {
      name: 'counting',
      prepareKey: node.prepareKey.bind(node),
      verify: node.verify.bind(node),
      sha256: (bytes) => {
        hashed.push(bytes.length)
        return node.sha256(bytes)
      },
    }
    const call = await callBy(alice, alice.did)
    const many = Array.from({ length: 64 }, (_, index) => cborBlock(index))
    for (const bytes of [
      new Uint8Array(262_145),
      rawArchive([...many, call]),
      rawArchive([block(new Uint8Array(65_537)), call]),
      rawArchive([call]).subarray(0, -1),
    ]) {
      expect(await decide(bytes, { backend })).toMatch(
        /^(too_large at container UCT-01|malformed at container UCT-02)$/,
      )
      expect(hashed).toEqual([])
    }
    expect(await decide(rawArchive([call]), { backend })).toBe('allowed')
    expect(hashed.length).toBeGreaterThan(0)
  })

  it('UCT-02 allows no trailing and no missing bytes', async () => {
    const whole = rawArchive([await callBy(alice, alice.did)])
    for (let length = 0; length < whole.length; length++) {
      expect.soft(await refusalOf(() => decode(whole.slice(0, length))), `${length} bytes`).not.toBe('accepted')
    }
    for (let byte = 0; byte < 256; byte++) {
      expect.soft(await refusalOf(() => decode(Uint8Array.of(...whole, byte))), `and ${byte}`).not.toBe('accepted')
    }
  })

  it('UCT-05 does not parse attached blocks', async () => {
    // Bytes that are not CBOR, CBOR that is refused, a token that is refused, and a token that would be a proof.
    const contents = [Uint8Array.of(0xff), Uint8Array.of(0xf7), dagCbor.encode({ v: '0.9.1', iss: 1 })]
    const blocks = contents.map((bytes) => block(bytes))
    const call = await callBy(alice, alice.did, [], { list: blocks.map(({ cid }) => cid) })
    const bytes = rawArchive([call], blocks)
    expect(await decide(bytes)).toBe('allowed')
    expect((await decode(bytes))[0]?.attached.size).toBe(3)
    const grant = await writeToken({ issuer: alice, audience: bob, att: [{ can: '*', with: alice.did }] })
    const unproven = await callBy(bob, alice.did, [], { list: grant.cid })
    expect(await decide(rawArchive([unproven], [grant]))).toBe('root_not_subject at container UCT-33')
  })
})

describe('the signed contents', () => {
  const { numRuns: runs, seed, title } = shortRuns(400)
  it(`UCT-12 have one encoding: ${title}`, async () => {
    const seen = new Map<string, string>()
    let read = 0
    for (let turn = 0; turn < runs; turn++) {
      for (const { bytes } of await hostileUcantoTokens(randomOf(seed + turn))) {
        const token = openedFrom(bytes)
        if (token?.signature === undefined) continue
        read += 1
        const signed = `${new TextDecoder().decode(token.signed())} ${Buffer.from(token.signature.raw).toString('hex')}`
        const hex = Buffer.from(bytes).toString('hex')
        expect(seen.get(signed) ?? hex).toBe(hex)
        seen.set(signed, hex)
      }
    }
    expect(seen.size).toBeGreaterThan(runs / 2)
    expect(read).toBeGreaterThan(seen.size)
  })
})

function openedFrom(bytes: Uint8Array): OpenToken | undefined {
  try {
    return openToken(bytes, { bounds: defaultBounds, parseDid })
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

describe('the search', () => {
  it.each([node, web])('UCT-36 queries the store once, for every CID of a delegation: $name', async (backend) => {
    const grants = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        writeToken({ issuer: curved, audience: bob, att: [{ can: 'mail/*', with: curved.did }], nnc: `${index}` }),
      ),
    )
    const bytes = rawArchive([
      ...grants,
      await callBy(
        bob,
        curved.did,
        grants.map(({ cid }) => cid),
      ),
    ])
    const asked: (readonly string[])[] = []
    const gone = new Set(grants.slice(0, -1).map(({ cid }) => String(cid)))
    const revocations: RevocationStore = {
      findRevocations(ids) {
        asked.push(ids)
        return ids.filter((id) => gone.has(id)).map((id) => ({ id }))
      },
    }
    expect(await decide(bytes, { backend, revocations })).toBe('allowed')
    // Once by the search, and once by the authorizer for the chosen chain.
    expect(asked).toHaveLength(2)
    for (const id of asked[1] ?? []) expect(asked[0]).toContain(id)
    // Revoked by its other CID only.
    const own = new Set(grants.map(({ cid }) => String(cid)))
    const call = (await decode(bytes))[0]?.cid.toString()
    const twins = (asked[0] ?? []).filter((id) => id.startsWith('bafy') && !own.has(id) && id !== call)
    expect(twins).toHaveLength(grants.length)
    for (const { cid } of grants) gone.delete(String(cid))
    for (const id of twins) gone.add(id)
    expect(await decide(bytes, { backend, revocations })).toBe('revoked at 0 RVK-05')
  })

  it('UCT-36 verifies a limited number of signatures, including those of attestations', async () => {
    const login = await writeToken({
      issuer: { did: 'did:mailto:example.com:alice' },
      audience: bob,
      att: [{ can: '*', with: 'ucan:*' }],
    })
    const given = await writeToken({
      issuer: service,
      audience: bob,
      att: [{ can: 'ucan/attest', with: service.did }],
      junk: true,
    })
    const attested = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        writeToken({
          ...{ issuer: bob, audience: bob, prf: [given.cid], nnc: `${index}` },
          att: [{ can: 'ucan/attest', with: service.did, nb: { proof: login.cid } }],
        }),
      ),
    )
    const prf = [login, ...attested].map(({ cid }) => cid)
    const bytes = rawArchive([given, login, ...attested, await callBy(bob, 'did:mailto:example.com:alice', prf)])
    let verified = 0
    const backend: CryptoBackend = {
      ...{ name: 'counting', prepareKey: node.prepareKey.bind(node), sha256: node.sha256.bind(node) },
      verify: (...question) => {
        verified += 1
        return node.verify(...question)
      },
    }
    expect(await decide(bytes, { backend })).toBe('too_large at container UCT-36')
    // The call, and 32 of the other signatures.
    expect(verified).toBeLessThanOrEqual(33)
    expect(verified).toBeGreaterThan(10)
  })
})

describe('an attestation', () => {
  it('UCT-59 grants exactly what any delegation of `ucan/attest` under the same condition grants', async () => {
    const login = await writeToken({
      issuer: { did: 'did:mailto:example.com:alice' },
      audience: bob,
      att: [{ can: 'mail/send', with: 'did:mailto:example.com:alice' }],
    })
    const att = [{ can: 'ucan/attest', with: service.did, nb: { proof: login.cid } }]
    const session = await writeToken({ issuer: service, audience: bob, att })
    const asked = async (can: string, subject: string, nb: object): Promise<string> => {
      const prf = [session.cid]
      const call = await writeToken({
        ...{ issuer: bob, audience: service, prf, exp: soon, nnc: `nonce of call ${serial++}` },
        att: [{ can, with: subject, nb }],
      })
      return decide(rawArchive([session, call]))
    }
    expect(await asked('ucan/attest', service.did, { proof: login.cid })).toBe('allowed')
    expect(await asked('ucan/attest', service.did, { proof: session.cid })).toBe('policy_unsatisfied at 0 PRF-11')
    expect(await asked('ucan/attest', service.did, {})).toBe('policy_unsatisfied at 0 PRF-11')
    expect(await asked('mail/send', service.did, {})).toMatch(/^(command_not_covered|root_not_subject)/)
    expect(await asked('mail/send', 'did:mailto:example.com:alice', {})).toMatch(
      /^(subject_misaligned|root_not_subject)/,
    )
  })
})

describe('a response', () => {
  it('UCT-44 has no block under the CID of another one, at any position', async () => {
    const { execute } = await import('../../src/ucanto/execute.ts')
    const { invoke } = await import('../../src/ucanto/invoke.ts')
    const call = await invoke({ issuer: alice, audience: service.did, command: '/mail/send' })
    const ocm = { iss: service.did, ran: call.cid, out: { ok: {} }, fx: { fork: [] }, meta: {}, prf: [] }
    const raw = await service.sign(dagCbor.encode(ocm))
    const receipt = cborBlock({ ocm, sig: Buffer.concat([Uint8Array.of(0xed, 0xa1, 3, 64), raw]) })
    const head = cborBlock({ 'ucanto/message@7.0.0': { report: { [String(call.cid)]: receipt.cid } } })
    const answer = (...extra: readonly RawBlock[]): ReturnType<typeof execute> =>
      execute(call, {
        url: 'https://example.com',
        fetch: async () => new Response(car(head.cid, [head, receipt, ...extra]) as Uint8Array<ArrayBuffer>),
      })
    await expect(answer()).resolves.toMatchObject({ outcome: { ok: {} } })
    await expect(answer(cborBlock(1))).resolves.toMatchObject({ outcome: { ok: {} } })
    await expect(answer({ cid: cborBlock(1).cid, bytes: cborBlock(2).bytes })).rejects.toThrow(
      'do not match the hash in its name',
    )
  })
})
