/**
 * Random graphs of proofs and attestations. Whether any path through them is valid is determined by trying all paths,
 * without the code under test.
 *
 * @module
 */

import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import { parseDid } from '../../src/core/did/did.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { actor } from '../support/actors.ts'
import { type RawBlock, rawArchive } from './raw.ts'
import { writeToken } from './writer.ts'

/** The principals: two Ed25519 keys, one P-256 key, one without a key, and a DID whose key is looked up. */
export const cast: readonly Party[] = [
  { did: (await actor('owner')).did, signer: await actor('owner') },
  { did: (await actor('second')).did, signer: await actor('second') },
  { did: (await actor('third', 'ES256')).did, signer: await actor('third', 'ES256') },
  { did: 'did:mailto:example.com:fourth', signer: undefined },
  { did: 'did:web:fifth.example', signer: { ...(await actor('fifth')), did: parseDid('did:web:fifth.example') } },
]

/** The issuers of attestations: the authority, and a principal to whom it delegated `ucan/attest`. */
export const authority: Signer = await actor('service')
const agent: Signer = await actor('agent')
const stranger: Signer = await actor('stranger')

interface Party {
  readonly did: string
  readonly signer: Signer | undefined
}

/** A capability of a delegation. */
interface Entry {
  readonly can: string
  /** Place of the owner in the cast; undefined for all resources. */
  readonly owner: number | undefined
  readonly nb: Readonly<Record<string, unknown>>
}

/** A delegation, or the invocation when it is the last. */
interface Draft {
  readonly issuer: number
  readonly audience: number
  readonly entries: readonly Entry[]
  readonly proofs: readonly number[]
  readonly isExpired: boolean
  readonly isJunk: boolean
  readonly isRevoked: boolean
}

/** An attestation of a delegation, named beside it by the tokens that name that. */
interface Attestation {
  readonly about: number
  readonly by: 'authority' | 'agent' | 'agent without proof' | 'stranger'
  readonly isExpired: boolean
  readonly isJunk: boolean
  readonly isRevoked: boolean
  /** Whether the delegation of `ucan/attest` to the agent is limited to another delegation. */
  readonly isElsewhere: boolean
}

/** A call. */
export interface Scenario {
  readonly drafts: readonly Draft[]
  readonly attestations: readonly Attestation[]
  readonly args: Readonly<Record<string, unknown>>
  /** Which blocks come first in the archive. */
  readonly order: number
}

const usually = <T>(common: T, ...rare: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(common) },
    ...rare.map((value) => ({ weight: 1, arbitrary: fc.constant(value) })),
  )

const nb = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.constantFrom<Entry['nb']>(
    { to: 'bob' },
    { to: 'eve' },
    { size: 1 },
    { pol: [['like', '.to', 'b*']] },
    { pol: [['not', ['==', '.to', 'bob']]] },
    { pol: 'none' },
    { pol: [['matches', '.to', 'b']] },
  ),
)
const entry = fc.record({
  can: fc.constantFrom('mail/send', 'mail/*', '*', '*', 'mail/read', 'mail/se*'),
  owner: usually<number | undefined>(0, undefined, undefined, 1),
  nb,
})
const flags = {
  isExpired: usually(false, true),
  isJunk: usually(false, true),
  isRevoked: usually(false, true),
}

/** Tokens in a line or side by side, so that many of the graphs hold and many have a choice. */
export const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    tokens: fc.array(
      fc.record({
        ...flags,
        entries: fc.array(entry, { minLength: 1, maxLength: 3 }),
        isBeside: fc.boolean(),
        swap: usually(0, 1, 2),
        more: fc.array(fc.nat(9), { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 8 },
    ),
    people: fc.shuffledSubarray([1, 2, 3, 4], { minLength: 4 }),
    attestations: fc.array(
      fc.record({
        ...flags,
        about: fc.nat(7),
        by: usually<Attestation['by']>('authority', 'agent', 'agent', 'agent without proof', 'stranger'),
        isElsewhere: usually(false, true),
      }),
      { maxLength: 4 },
    ),
    args: fc.constantFrom({}, { to: 'bob' }, { to: 'bob', size: 1 }),
    order: fc.nat(1_000),
  })
  .map(({ tokens, people, attestations, args, order }) => {
    const line = [0, ...people]
    let step = -1
    const drafts = tokens.map(({ isBeside, swap, more, ...rest }, at): Draft => {
      const isLast = at === tokens.length - 1
      if (!isBeside || step < 0 || isLast) step += 1
      const place = (shift: number): number => line[Math.min(step + shift, line.length - 1)] as number
      const above = at - 1
      return {
        ...rest,
        issuer: swap === 1 ? (people[at % people.length] as number) : place(0),
        audience: swap === 2 ? (people[at % people.length] as number) : place(1),
        proofs: at === 0 ? [] : [...new Set([above, ...more.filter((index) => index < at)])],
      }
    })
    // Mostly of delegations whose issuer has no key.
    const unsure = [...drafts.keys()].filter((at) => at < drafts.length - 1 && (drafts[at] as Draft).issuer > 2)
    const isThere = ({ about }: Attestation): boolean => about < drafts.length - 1
    return {
      drafts,
      attestations: attestations
        .map((one, index) => ({
          ...one,
          about: index === 3 ? one.about : (unsure[one.about % unsure.length] ?? one.about),
        }))
        .filter(isThere),
      args,
      order,
    }
  })

/** A scenario in encoded form. */
export interface Written {
  readonly archive: Uint8Array
  /** CIDs of the revoked tokens. */
  readonly revoked: readonly string[]
}

/** Writes the tokens of a scenario. */
export async function write({ drafts, attestations, args, order }: Scenario, now: number): Promise<Written> {
  const blocks: RawBlock[] = []
  const beside = new Map<number, RawBlock[]>()
  const extra = new Map<string, RawBlock>()
  const revoked: string[] = []
  const exp = (isExpired: boolean): number => (isExpired ? now - 100 : now + 100)
  for (const [at, { issuer, audience, entries, proofs, isExpired, isJunk, isRevoked }] of drafts.entries()) {
    const { signer = undefined, did } = cast[issuer] as Party
    const prf = [...new Set(proofs)].flatMap((index) => [blocks[index], ...(beside.get(index) ?? [])] as RawBlock[])
    const named: readonly CID[] = prf.map(({ cid }) => cid)
    const from = { issuer: signer ?? { did }, prf: named, nnc: `nonce of token ${at}` }
    if (at === drafts.length - 1) {
      const att = [{ can: 'mail/send', with: cast[0]?.did, ...(Object.keys(args).length === 0 ? {} : { nb: args }) }]
      const asked = await writeToken({ ...from, audience: authority, att, exp: now + 60 })
      const all = [...blocks, ...extra.values()]
      const reached = reachable(asked, all)
      const rest = all.filter(({ cid }) => reached.has(String(cid)))
      const turn = rest.length === 0 ? 0 : order % rest.length
      return { archive: rawArchive([...rest.slice(turn), ...rest.slice(0, turn), asked]), revoked }
    }
    const att = entries.map(({ can, owner, nb }) => ({
      can,
      with: owner === undefined ? 'ucan:*' : cast[owner]?.did,
      ...(Object.keys(nb).length === 0 ? {} : { nb }),
    }))
    const token = await writeToken({
      ...from,
      audience: cast[audience] as Party,
      att,
      exp: exp(isExpired),
      junk: isJunk,
    })
    blocks.push(token)
    if (isRevoked) revoked.push(String(token.cid))
    for (const [index, attestation] of attestations.entries()) {
      if (attestation.about !== at) continue
      const made = await attest(attestation, token, cast[audience] as Party, index, exp)
      for (const block of made) extra.set(String(block.cid), block)
      beside.set(at, [...(beside.get(at) ?? []), made.at(-1) as RawBlock])
      if (attestation.isRevoked) revoked.push(String(made.at(-1)?.cid))
    }
  }
  throw new Error('a scenario has a token')
}

async function attest(
  { by, isExpired, isJunk, isElsewhere }: Attestation,
  token: RawBlock,
  audience: { readonly did: string },
  index: number,
  exp: (isExpired: boolean) => number,
): Promise<readonly RawBlock[]> {
  const can = 'ucan/attest'
  const given = await writeToken({
    issuer: authority,
    audience: agent,
    att: [{ can, with: authority.did, ...(isElsewhere ? { nb: { proof: otherName } } : {}) }],
    nnc: `given ${index}`,
  })
  const issuer = by === 'authority' ? authority : by === 'stranger' ? stranger : agent
  const prf = by === 'agent' ? [given] : []
  const att = [{ can, with: authority.did, nb: { proof: token.cid } }]
  const options = { issuer, audience, att, prf: prf.map(({ cid }) => cid), nnc: `attested ${index}` }
  return [...prf, await writeToken({ ...options, exp: exp(isExpired), junk: isJunk })]
}

const otherName = (await writeToken({ issuer: authority, audience: agent, att: [] })).cid

/** The names that lead from a token to others, as nothing else may be in the archive. */
function reachable(start: RawBlock, blocks: readonly RawBlock[]): ReadonlySet<string> {
  const byName = new Map(blocks.map((block) => [String(block.cid), block]))
  const reached = new Set<string>()
  const waiting = [start]
  for (let block = waiting.pop(); block !== undefined; block = waiting.pop()) {
    const { prf } = dagCbor.decode<{ readonly prf: readonly CID[] }>(block.bytes)
    for (const name of prf.map(String)) {
      const next = byName.get(name)
      if (next === undefined || reached.has(name)) continue
      reached.add(name)
      waiting.push(next)
    }
  }
  return reached
}

/** Whether any path from the owner is valid. All paths are tried. */
export function holds({ drafts, attestations, args }: Scenario): boolean {
  const last = drafts.at(-1) as Draft
  const provable = ({ issuer, proofs }: Draft): boolean =>
    issuer === 0 || proofs.some((proof) => counts(proof, issuer) && provable(drafts[proof] as Draft))
  const counts = (at: number, audience: number): boolean => {
    const draft = drafts[at] as Draft
    const isSigned = cast[draft.issuer]?.signer !== undefined && !draft.isJunk
    const canBeAttested = cast[draft.issuer]?.did.startsWith('did:key:') === false
    return (
      draft.audience === audience &&
      !draft.isExpired &&
      !draft.isRevoked &&
      (isSigned || (canBeAttested && attestations.some((one) => one.about === at && attests(one)))) &&
      draft.entries.some((entry) => gives(entry, args))
    )
  }
  return cast[last.issuer]?.signer !== undefined && provable(last)
}

function attests({ by, isExpired, isJunk, isRevoked, isElsewhere }: Attestation): boolean {
  if (isExpired || isJunk || isRevoked) return false
  return by === 'authority' || (by === 'agent' && !isElsewhere)
}

function gives({ can, owner, nb: { pol, ...nb } }: Entry, args: Scenario['args']): boolean {
  if (!['mail/send', 'mail/*', '*'].includes(can) || owner === 1) return false
  if (pol !== undefined && JSON.stringify(pol) !== likeB && JSON.stringify(pol) !== notBob) return false
  // Both require the argument.
  if (JSON.stringify(pol) === likeB && args.to !== 'bob') return false
  if (JSON.stringify(pol) === notBob) return false
  return Object.entries(nb).every(([key, value]) => args[key] === value)
}

const likeB = JSON.stringify([['like', '.to', 'b*']])
const notBob = JSON.stringify([['not', ['==', '.to', 'bob']]])
