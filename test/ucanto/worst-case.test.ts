import { type API, delegate, invoke } from '@ucanto/core'
import { Absentee, ed25519 } from '@ucanto/principal'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { never } from '../../src/time.ts'
import { decode } from '../../src/ucanto/decode.ts'
import { inCi } from '../property/runs.ts'
import { actor } from '../support/actors.ts'
import { costOf } from '../support/cost.ts'
import { verdict } from '../support/service.ts'
import { ownOptions, peer } from './peers.ts'
import { type RawBlock, rawArchive, signedAnew } from './raw.ts'
import { writeToken } from './writer.ts'

const [alice, bob, service] = (await Promise.all(['alice', 'bob', 'service'].map(peer))) as [Peer, Peer, Peer]
type Peer = Awaited<ReturnType<typeof peer>>
const mail = { can: 'mail/send', with: alice.did() } as const
const [authority, agent] = await Promise.all([actor('service'), actor('bob')])
const account = Absentee.from({ id: 'did:mailto:example.com:alice' })
/** Different issuers: a key costs more when it is used for the first time. */
const many = await Promise.all(
  Array.from({ length: 64 }, (_, index) => ed25519.derive(new Uint8Array(32).fill(index + 1))),
)

/** The largest cost of an archive, in passes over a million bytes. A flaw would cost many times that. */
const bound = 80
/** The fastest of so many rounds counts. */
const rounds = inCi ? 5 : 2

/** An archive and its verdict. */
interface Shape {
  readonly what: string
  readonly archive: () => Promise<Uint8Array>
  readonly expected: string
  /** Which of its delegations are revoked. */
  readonly revoked?: (index: number) => boolean
}

type Issue = Partial<Omit<Parameters<typeof delegate>[0], 'proofs'>> & { readonly proofs?: readonly CID[] }

let serial = 0
/** Padding that makes tokens as long as an archive allows. */
let filling = 0
const give = (change: Issue): Promise<API.Delegation> =>
  delegate({
    issuer: alice,
    audience: bob,
    capabilities: [mail],
    nonce: String(serial++),
    lifetimeInSeconds: 100,
    facts: [{ filling: 'x'.repeat(filling) }],
    ...change,
  } as unknown as Parameters<typeof delegate>[0])

const blockOf = ({ root }: API.Delegation): RawBlock => root as unknown as RawBlock

/** A call by Bob with the named proofs and the included blocks. */
async function call(
  proofs: readonly CID[],
  blocks: readonly RawBlock[],
  nb: object = {},
  resource = alice.did(),
): Promise<Uint8Array> {
  const asked = await invoke({
    issuer: bob,
    audience: service,
    capability: { ...mail, with: resource, nb },
    proofs: proofs as never,
    nonce: 'a nonce of enough bytes',
  }).delegate()
  return rawArchive([...blocks, blockOf(asked)])
}

/** Delegations in levels, each of which names all of the level before; the invocation names all of the last. */
async function lattice(
  levels: number,
  width: number,
  capabilities: readonly object[],
  { root = alice, nb = {} }: { readonly root?: API.Signer; readonly nb?: object } = {},
): Promise<Uint8Array> {
  filling = 0
  const blocks: RawBlock[] = []
  let proofs: CID[] = []
  for (let level = 0; level < levels; level++) {
    const made = await Promise.all(
      Array.from({ length: width }, () =>
        give({ issuer: level === 0 ? root : bob, capabilities: capabilities as never, proofs }),
      ),
    )
    blocks.push(...made.map(blockOf))
    proofs = made.map(({ cid }) => cid as unknown as CID)
  }
  return call(proofs, blocks, nb)
}

/** Many roots with an unsatisfied policy, and for each of them the same long path with large policies. */
async function longWayBehind(roots: number): Promise<Uint8Array> {
  filling = 0
  const capability = (pol: readonly unknown[]): never => [{ ...mail, nb: { pol } }] as never
  const first = await Promise.all(
    Array.from({ length: roots }, () => give({ capabilities: capability([['==', '.to', 'eve']]) })),
  )
  const blocks = first.map(blockOf)
  let proofs = first.map(({ cid }) => cid as unknown as CID)
  for (let level = 0; level < 14; level++) {
    const pol = Array.from({ length: 110 }, (_, index) => ['!=', '.to', `x${level}-${index}`])
    const next = await give({ issuer: bob, capabilities: capability(pol), proofs })
    blocks.push(blockOf(next))
    proofs = [next.cid as unknown as CID]
  }
  return call(proofs, blocks, { to: 'bob' })
}

/** As many delegations side by side as fit, each with a change. */
async function beside(
  count: number,
  issue: (index: number) => Promise<API.Delegation>,
  change: (block: RawBlock) => RawBlock = (block) => block,
  nb?: object,
): Promise<Uint8Array> {
  filling = nb === undefined ? Math.floor(40_000 / count) : 0
  const made = await Promise.all(Array.from({ length: count }, (_, index) => issue(index)))
  const blocks = made.map((delegation) => change(blockOf(delegation)))
  return call(
    blocks.map(({ cid }) => cid),
    blocks,
    nb,
  )
}

/** A signature over other bytes. */
const forged = (block: RawBlock): RawBlock =>
  signedAnew(block.bytes, (signature) => Buffer.concat([signature.subarray(0, 4), new Uint8Array(64).fill(1)]))

/** Pairs of delegations: a root with a forged signature, and a delegation by its audience. */
async function twoLevels(): Promise<Uint8Array> {
  filling = 600
  const blocks: RawBlock[] = []
  const proofs: CID[] = []
  for (const middle of many.slice(0, 31)) {
    const root = forged(blockOf(await give({ audience: middle })))
    const next = blockOf(await give({ issuer: middle, proofs: [root.cid] }))
    blocks.push(root, next)
    proofs.push(next.cid)
  }
  return call(proofs, blocks)
}

/** Unsigned logins, each with an invalid attestation: forged, or by another principal than the authority. */
async function badSessions(issuer: API.Signer): Promise<Uint8Array> {
  filling = 600
  const blocks: RawBlock[] = []
  for (let index = 0; index < 31; index++) {
    const login = await give({ issuer: account as never, capabilities: [{ can: '*', with: 'ucan:*' }] })
    const attestation = blockOf(
      await give({
        issuer,
        capabilities: [{ can: 'ucan/attest', with: service.did(), nb: { proof: login.cid } }] as never,
      }),
    )
    blocks.push(blockOf(login), issuer === service ? forged(attestation) : attestation)
  }
  return call(
    blocks.map(({ cid }) => cid),
    blocks,
    {},
    account.did() as never,
  )
}

const wide = Array.from({ length: 64 }, (_, index) => ({ ...mail, can: `mail/send${index}` }))
const nested = (depth: number): object =>
  depth === 0 ? {} : { a: nested(depth - 1), b: Array.from({ length: 200 }, () => 0) }
const costly = Array.from({ length: 60 }, () => ['all', '.list', ['!=', '.', 3]])
const list = Array.from({ length: 1_000 }, () => 2)

const shapes: readonly Shape[] = [
  { what: 'many paths to the owner', archive: () => lattice(7, 9, [mail]), expected: 'allowed' },
  {
    what: 'many paths that do not reach the owner',
    archive: () => lattice(7, 9, [mail], { root: service }),
    expected: 'root_not_subject at container UCT-33',
  },
  {
    what: 'many capabilities that do not cover the call',
    archive: () => lattice(1, 8, wide),
    expected: 'command_not_covered at container UCT-31',
  },
  {
    what: 'conditions with large values',
    archive: () => lattice(5, 2, [{ ...mail, nb: { a: nested(20) } }], { nb: { a: nested(20) } }),
    expected: 'allowed',
  },
  {
    what: 'many unsigned delegations by one issuer',
    archive: () => beside(63, () => give({}), forged),
    expected: 'too_large at container UCT-36',
  },
  { what: 'many issuers without authority', archive: twoLevels, expected: 'signature_invalid at 0 PRF-08' },
  {
    what: 'many revoked delegations',
    archive: () => beside(63, () => give({})),
    revoked: () => true,
    expected: 'too_large at container UCT-36',
  },
  {
    what: 'many paths, of which all but the last are revoked',
    archive: () => lattice(7, 9, [mail]),
    revoked: (index) => index % 9 !== 8,
    expected: 'allowed',
  },
  {
    what: 'many policies that use the whole budget',
    archive: () =>
      beside(
        20,
        () => give({ capabilities: [{ ...mail, nb: { pol: [...costly, ['==', '.to', 'eve']] } }] as never }),
        undefined,
        { list, to: 'bob' },
      ),
    expected: 'policy_over_budget at 0 UCT-58',
  },
  {
    what: 'many capabilities with a policy, in few tokens',
    archive: () =>
      beside(
        10,
        () =>
          give({
            capabilities: Array.from({ length: 50 }, () => ({ ...mail, nb: { pol: [['==', '.to', 'eve']] } })) as never,
          }),
        undefined,
        {},
      ),
    expected: 'policy_unsatisfied at 0 PRF-11',
  },
  {
    what: 'many paths that share a long part with many statements',
    archive: () => longWayBehind(17),
    expected: 'policy_unsatisfied at 0 PRF-11',
  },
  {
    what: 'many sessions that the authority did not sign',
    archive: () => badSessions(service),
    expected: 'signature_invalid at 0 UCT-55',
  },
  {
    what: 'many sessions by another principal',
    archive: () => badSessions(alice),
    expected: 'root_not_subject at 0 UCT-54',
  },
]

describe('an archive of 64 KiB', () => {
  it.each(shapes)(
    `UCT-36 of $what costs at most ${bound} passes over a million bytes [attack 25]`,
    async ({ archive, expected, revoked }) => {
      const bytes = await archive()
      expect(bytes.length).toBeLessThanOrEqual(65_536)
      const revocations = memoryRevocationStore()
      if (revoked !== undefined) {
        const [asked] = await decode(bytes)
        const names = [...(asked?.included.keys() ?? [])].filter((_, index) => revoked(index))
        for (const id of names) await revocations.add({ ids: [id], expiration: never })
      }
      const cost = costOf(() => {
        // A new authorizer remembers nothing from an earlier round.
        const authorizer = createAuthorizer(ownOptions({ revocations }, { attestationAuthorities: [service.did()] }))
        expect(verdict(authorizer.authorizeSync(bytes))).toBe(expected)
      }, rounds)
      expect(cost).toBeLessThan(bound)
    },
  )
})

/** A policy of about 64 KiB: as many statements as there may be, each with a long selector. */
const longPolicy = (salt: string): readonly unknown[] =>
  Array.from({ length: 250 }, (_, index) => ['!=', `.${salt}${index}${'.ab?'.repeat(60)}`, 1])

/**
 * An unsigned login and many attestations of it, each with the same long delegations in its proof chain. Only tokens
 * that the sender can sign are signed: the invocation, and the attestations and delegations below the root.
 */
async function longSessions(attestations: number, signs: 'all' | 'all but the root' | 'nothing'): Promise<Uint8Array> {
  const junk = signs === 'nothing'
  const chain: RawBlock[] = []
  for (const level of [0, 1, 2]) {
    const att = [{ can: 'ucan/attest', with: authority.did, nb: { pol: longPolicy(`p${level}`) } }]
    const issuer = level === 0 ? authority : agent
    chain.push(
      await writeToken({
        issuer,
        audience: agent,
        att,
        prf: chain.slice(-1).map(({ cid }) => cid),
        junk: junk || (level === 0 && signs !== 'all'),
      }),
    )
  }
  const login = await writeToken({
    issuer: { did: account.did() },
    audience: agent,
    att: [{ can: '*', with: 'ucan:*' }],
  })
  const attested: RawBlock[] = []
  for (let index = 0; index < attestations; index++) {
    const att = [{ can: 'ucan/attest', with: authority.did, nb: { proof: login.cid } }]
    const prf = chain.slice(-1).map(({ cid }) => cid)
    attested.push(await writeToken({ issuer: agent, audience: agent, att, prf, nnc: String(index), junk }))
  }
  const asked = await writeToken({
    issuer: agent,
    audience: authority,
    att: [{ can: 'mail/send', with: account.did() }],
    prf: [login, ...attested].map(({ cid }) => cid),
    nnc: 'a nonce of enough bytes',
    exp: Math.floor(Date.now() / 1000) + 60,
  })
  return rawArchive([...chain, login, ...attested, asked])
}

describe('an archive of 200 KB', () => {
  it.each([
    ['nothing', 'too_large at container UCT-36'],
    ['all but the root', 'too_large at container UCT-36'],
    ['all', 'policy_over_budget at 0 UCT-58'],
  ] as const)(
    `UCT-36 UCT-58 of sessions that share long policies costs at most ${bound} passes over a million bytes: signed is %s [attack 25]`,
    async (signs, expected) => {
      const bytes = await longSessions(57, signs)
      expect(bytes.length).toBeGreaterThan(190_000)
      const cost = costOf(() => {
        const authorizer = createAuthorizer(ownOptions({}, { attestationAuthorities: [authority.did] }))
        expect(verdict(authorizer.authorizeSync(bytes))).toBe(expected)
      }, rounds)
      expect(cost).toBeLessThan(bound)
    },
  )
})
