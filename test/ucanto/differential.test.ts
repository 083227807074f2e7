import { type API, Delegation, delegate, invoke } from '@ucanto/core'
import { Absentee } from '@ucanto/principal'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { never } from '../../src/time.ts'
import { shortRuns } from '../property/runs.ts'
import { archiveOf, foreignVerdict, ownVerdict, peer } from './peers.ts'
import { signedAnew } from './raw.ts'

const service = await peer('service')
const cast = (await Promise.all(['p0', 'p1', 'p2', 'p3'].map(peer))) as readonly Peer[]
const account = Absentee.from({ id: 'did:mailto:example.com:p1' })
type Peer = Awaited<ReturnType<typeof peer>>

/** A capability of a random delegation. */
interface Entry {
  readonly can: string
  /** Place of the owner in the cast; undefined for all resources. */
  readonly owner: number | undefined
  readonly nb: { readonly to?: string; readonly size?: number; readonly extra?: boolean; readonly pol?: unknown }
}

/** How an unsigned delegation is attested. */
type Attested = 'well' | 'not' | 'late' | 'otherwise' | 'by another'

/** A random token: its issuer and audience, its contents, and which of the earlier tokens it names. */
interface Draft {
  readonly issuer: number
  readonly audience: number
  readonly entries: readonly Entry[]
  readonly proofs: readonly number[]
  readonly isExpired: boolean
  readonly isForged: boolean
  readonly isRevoked: boolean
  readonly attested: Attested
}

/** Tokens, the last of which is the invocation. */
interface Scenario {
  readonly drafts: readonly Draft[]
  /** Whether the second of the cast has no key. */
  readonly isAbsent: boolean
}

const place = fc.nat(cast.length - 1)
const usually = <T>(common: T, ...rare: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(common) },
    ...rare.map((value) => ({ weight: 1, arbitrary: fc.constant(value) })),
  )

const nb: fc.Arbitrary<Entry['nb']> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  fc.constantFrom(
    { to: 'bob' },
    { to: 'eve' },
    { size: 1 },
    { to: 'bob', size: 1 },
    { extra: true },
    { extra: true },
    { pol: [['like', '.to', 'b*']] },
    { pol: [['like', '.to', 'e*']] },
  ),
)
const entry: fc.Arbitrary<Entry> = fc.record({
  can: fc.constantFrom('mail/send', 'mail/send', 'mail/*', '*', 'mail/read', 'mail/send/*', 'mail/se*'),
  owner: usually<number | undefined>(0, undefined, undefined, 1),
  nb,
})

/** Tokens in a line, mostly, so that many of them are chains, and some side by side, so that there is a choice. */
const scenario: fc.Arbitrary<Scenario> = fc
  .record({
    isAbsent: usually(false, true, true),
    tokens: fc.array(
      fc.record({
        swap: usually(false, true),
        other: place,
        entries: fc.array(entry, { minLength: 1, maxLength: 3 }),
        isExpired: usually(false, false, true),
        isForged: usually(false, true),
        isRevoked: usually(false, true, true),
        attested: usually<Attested>('well', 'well', 'not', 'late', 'otherwise', 'by another'),
        isBeside: fc.boolean(),
        more: fc.array(fc.nat(5), { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  })
  .map(({ isAbsent, tokens }) => {
    let step = -1
    const drafts = tokens.map(({ swap, other, isBeside, more, ...rest }, at): Draft => {
      const isLast = at === tokens.length - 1
      if (!isBeside || step < 0 || isLast) step += 1
      return {
        ...rest,
        issuer: swap ? other : Math.min(step, cast.length - 1),
        audience: Math.min(step + 1, cast.length - 1),
        proofs: at === 0 ? [] : [...new Set([at - 1, ...more.filter((index) => index < at)])],
      }
    })
    return { drafts, isAbsent }
  })

interface Made {
  readonly archive: Uint8Array
  /** CIDs of the revoked tokens. */
  readonly revoked: readonly string[]
}

async function make({ drafts, isAbsent }: Scenario, asked: Entry['nb']): Promise<Made> {
  const didOf = (index: number): API.DID => principal(index, isAbsent).did() as API.DID
  const made: API.Delegation[] = []
  const attestations: (API.Delegation | undefined)[] = []
  const now = Math.floor(Date.now() / 1000)
  for (const [index, { issuer, audience, entries, proofs, isExpired, isForged, attested }] of drafts.entries()) {
    const isLast = index === drafts.length - 1
    const named = proofs.flatMap((at) => [made[at], attestations[at]]).filter((proof) => proof !== undefined)
    const options = {
      issuer: principal(issuer, isAbsent) as API.Signer,
      audience: isLast ? service : principal(audience, isAbsent),
      proofs: named,
      nonce: `nonce of token ${index}`,
      expiration: isExpired && !isLast ? now - 100 : now + 100,
    }
    if (isLast) {
      const capability = { can: 'mail/send', with: didOf(0), nb: asked } as const
      const archive = await archiveOf(invoke({ ...options, capability }))
      const revoked = made.filter((_, at) => drafts[at]?.isRevoked).map(({ cid }) => String(cid))
      return { archive, revoked }
    }
    const capabilities = entries.map(({ can, owner, nb }) => ({
      can,
      with: owner === undefined ? 'ucan:*' : didOf(owner),
      ...(Object.keys(nb).length === 0 ? {} : { nb }),
    }))
    const token = await delegate({ ...options, capabilities: capabilities as unknown as [API.Capability] })
    const isUnsigned = isUnsignedBy(issuer, isAbsent)
    made.push(isForged && !isUnsigned ? await forge(token) : token)
    attestations.push(isUnsigned ? await attest(token, attested, now) : undefined)
  }
  throw new Error('a scenario has a token')
}

function principal(index: number, isAbsent: boolean): API.Principal {
  return isUnsignedBy(index, isAbsent) ? account : (cast[index] as Peer)
}

function isUnsignedBy(index: number, isAbsent: boolean): boolean {
  return isAbsent && index === 1
}

/** The token with the signature of another principal, with its proofs. */
async function forge(token: API.Delegation): Promise<API.Delegation> {
  const other = await service.sign(token.bytes)
  const block = signedAnew(token.bytes, () => new Uint8Array(other))
  const blocks = new Map([...token.export()].map((part) => [String(part.cid), part]))
  return Delegation.create({ root: block as unknown as API.UCANBlock, blocks: blocks as never })
}

async function attest(token: API.Delegation, how: Attested, now: number): Promise<API.Delegation | undefined> {
  if (how === 'not') return undefined
  const issuer = how === 'by another' ? (cast[3] as Peer) : service
  const proof =
    how === 'otherwise' ? (await delegate({ issuer, audience: service, capabilities: [] as never })).cid : token.cid
  return delegate({
    issuer,
    audience: token.audience,
    capabilities: [{ can: 'ucan/attest', with: service.did(), nb: { proof } as object }],
    expiration: how === 'late' ? now - 100 : now + 100,
  })
}

/** Whether any path is valid. All paths are tried. */
function holds({ drafts, isAbsent }: Scenario, asked: Entry['nb']): boolean {
  const last = drafts.length - 1
  const provable = (at: number): boolean => {
    const { issuer, proofs } = drafts[at] as Draft
    return issuer === 0 || proofs.some((proof) => counts(drafts[proof] as Draft, issuer) && provable(proof))
  }
  const counts = (draft: Draft, audience: number): boolean =>
    draft.audience === audience &&
    !draft.isExpired &&
    !draft.isRevoked &&
    (isUnsignedBy(draft.issuer, isAbsent) ? draft.attested === 'well' : !draft.isForged) &&
    draft.entries.some((entry) => gives(entry, asked))
  return !isUnsignedBy((drafts[last] as Draft).issuer, isAbsent) && provable(last)
}

function gives({ can, owner, nb: { pol, ...nb } }: Entry, asked: Entry['nb']): boolean {
  if (!['mail/send', 'mail/*', '*'].includes(can) || owner === 1) return false
  if (pol !== undefined && asked.to?.startsWith(JSON.stringify(pol).includes('"e*"') ? 'e' : 'b') !== true) return false
  return Object.entries(nb).every(([key, value]) => asked[key as keyof Entry['nb']] === value)
}

describe('random chains, in this library, in @ucanto/validator, and in a search of all paths', () => {
  const { numRuns } = shortRuns(600, 6)
  // With this seed a quarter of the runs gives all answers.
  const seed = 94

  it(`UCT-34 UCT-36 UCT-49 get the same result as in the search; the validator differs in known ways (${numRuns} runs, seed ${seed})`, async () => {
    const seen = { allowed: 0, denied: 0, stricter: 0, further: 0, attested: 0 }
    await fc.assert(
      fc.asyncProperty(scenario, fc.constantFrom({}, { to: 'bob' }, { to: 'bob', size: 1 }), async (made, asked) => {
        const { archive, revoked } = await make(made, asked)
        const theirs = await foreignVerdict(archive, service, { revoked })
        const revocations = memoryRevocationStore()
        for (const id of revoked) await revocations.add({ ids: [id], expiration: never })
        const ours = await ownVerdict(
          archive,
          { clockTolerance: 0, revocations },
          { attestationAuthorities: [service.did()] },
        )
        expect(ours === 'allowed', `ours: ${ours}; theirs: ${theirs}`).toBe(holds(made, asked))
        if (theirs === 'allowed' && ours !== 'allowed') {
          seen.stricter += 1
          // A condition on an argument that is missing, such as `pol` (UCT-34, UCT-35). The validator ignores it,
          // whatever else is wrong with the path.
          expect(made.drafts.some(({ entries }) => entries.some(({ nb }) => Object.keys(nb).length > 0))).toBe(true)
          return
        }
        if (theirs !== 'allowed' && ours === 'allowed') {
          seen.further += 1
          // The validator does not try another path after a revoked one.
          expect(revoked.length).toBeGreaterThan(0)
          return
        }
        seen[ours === 'allowed' ? 'allowed' : 'denied'] += 1
        if (ours === 'allowed' && made.isAbsent) seen.attested += 1
      }),
      { numRuns, seed },
    )
    // The scenarios are useful only if all results occur.
    for (const [answer, count] of Object.entries(seen)) expect.soft(count, answer).toBeGreaterThan(numRuns / 300)
  }, 120_000)
})
