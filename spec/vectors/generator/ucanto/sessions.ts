/**
 * Calls for a principal without a key.
 *
 * @module
 */

import { type API, delegate } from '@ucanto/core'
import { Absentee } from '@ucanto/principal'
import { time } from '../token.ts'
import type { Context, Vector } from '../vector.ts'
import { allowed, type BadCase, refused } from './case.ts'
import { account, alice, ask, type Block, bob, carol, give, service } from './tokens.ts'

const theirs = { can: 'mail/send', with: account.did() } as API.Capability
const login = await give(theirs, { issuer: account })
const other = await give(theirs, { issuer: account, nonce: 'another' })
const attestAll = { can: 'ucan/attest', with: service.did() } as API.Capability
const oracle = await give(attestAll, { issuer: service, audience: carol })
const session = await attest(login)
const deputy = Absentee.from({ id: 'did:mailto:example.com:deputy' })
const given = await give(attestAll, { issuer: service, audience: deputy })
const unsigned = await attest(login, { issuer: deputy, proofs: [given.cid] })

type Change = NonNullable<Parameters<typeof give>[1]>

function attest({ cid }: Block, change: Change = {}, authority = service.did(), nb: object = {}): Promise<Block> {
  const attestation = { can: 'ucan/attest', with: authority, nb: { proof: cid, ...nb } } as API.Capability
  return give(attestation, { issuer: service, ...change })
}

/** A call of bob's agent with these proofs, where the service attests. */
function loggedIn(
  proofs: readonly Block[],
  { earlier = [], context = {} }: { readonly earlier?: readonly Block[]; readonly context?: Partial<Context> } = {},
): BadCase {
  return {
    container: ask(bob, { proofs, capability: theirs, earlier }),
    context: { attestationAuthorities: [service.did()], ...context },
  }
}

/** All of them. */
export async function sessionVectors(): Promise<readonly Vector[]> {
  const subject = account.did()
  const byOracle = await attest(login, { issuer: carol, proofs: [oracle.cid] })
  return [
    await allowed('by an agent of somebody without a key', 'UCT-49', { ...loggedIn([login, session]), subject }),
    await allowed('with an attestation by somebody whom the authority gave that', 'UCT-54', {
      ...loggedIn([login, byOracle], { earlier: [oracle] }),
      subject,
    }),
    ...(await refused('session', 'UCT-49', 'signature_invalid', { 'that there is not': loggedIn([login]) })),
    ...(await refused('session', 'UCT-50', 'malformed', {
      'for a call of somebody without a key': {
        container: ask(account as unknown as API.Signer, { capability: theirs }),
        context: { attestationAuthorities: [service.did()] },
      },
    })),
    ...(await refused('session', 'UCT-51', 'signature_invalid', {
      'where none counts': loggedIn([login, session], { context: { attestationAuthorities: [] } }),
      'in the name of somebody else': loggedIn([login, await attest(login, { issuer: alice }, alice.did())]),
    })),
    ...(await refused('session', 'UCT-52', 'signature_invalid', {
      'of another delegation': loggedIn([login, await attest(other)]),
    })),
    ...(await refused('session', 'UCT-53', 'principal_misaligned', {
      'for somebody else': loggedIn([login, await attest(login, { audience: carol })]),
    })),
    ...(await refused('session', 'UCT-54', 'root_not_subject', {
      'of their own': loggedIn([login, await attest(login, { issuer: bob })]),
    })),
    ...(await refused('session', 'UCT-55', 'signature_invalid', {
      'that is attested itself': loggedIn([login, unsigned, await attest(unsigned)], { earlier: [given] }),
    })),
    ...(await refused('session', 'UCT-56', 'expired', {
      'that has expired': loggedIn([login, await attest(login, { expiration: time - 1 })]),
    })),
    ...(await refused('session', 'UCT-57', 'revoked', {
      'that is revoked': loggedIn([login, session], { context: { revoked: [{ id: String(session.cid) }] } }),
      'of which the proof is revoked': loggedIn([login, byOracle], {
        earlier: [oracle],
        context: { revoked: [{ id: String(oracle.cid), revoker: service.did() }] },
      }),
    })),
    ...(await refused('session', 'UCT-59', 'signature_invalid', {
      'that says more': loggedIn([login, await attest(login, {}, service.did(), { also: true })]),
      'beside another capability': loggedIn([login, await both()]),
    })),
  ]
}

async function both(): Promise<Block> {
  const attestation = { can: 'ucan/attest', with: service.did(), nb: { proof: login.cid } }
  const capabilities = [attestation, { can: 'mail/send', with: service.did() }] as unknown as [API.Capability]
  const made = await delegate({ issuer: service, audience: bob, capabilities, expiration: time + 100 })
  return made.root as unknown as Block
}
