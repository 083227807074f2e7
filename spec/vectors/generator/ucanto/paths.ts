/**
 * Which of the proofs of a call prove it.
 *
 * @module
 */

import type { API } from '@ucanto/core'
import type { Vector } from '../vector.ts'
import { allowed, refused } from './case.ts'
import { alice, archive, ask, bob, callBy, carol, forged, give, mail, mailWith, mallory } from './tokens.ts'

const root = await give(mail)
const again = await give(mail, { nonce: 'again' })
const onlyBob = await give(mailWith({ to: 'bob' }))
const all = { can: '*', with: 'ucan:*' } as API.Capability
const onward = await give(all, { issuer: bob, audience: carol, proofs: [root.cid] })
const noPolicy = await give(mailWith({ pol: 'no policy' }))
const name = String(root.cid)

/** All of them. */
export async function pathVectors(): Promise<readonly Vector[]> {
  return [
    await allowed('by the owner', 'UCT-33', { container: ask(alice), invoker: alice.did() }),
    await allowed('over one delegation', 'UCT-31', { container: ask(bob, { proofs: [root] }) }),
    await allowed('over `mail/*`', 'UCT-31', {
      container: ask(bob, { proofs: [await give({ ...mail, can: 'mail/*' })] }),
    }),
    await allowed('over everything that somebody has', 'UCT-32', {
      container: ask(carol, { proofs: [onward], earlier: [root] }),
      invoker: carol.did(),
    }),
    await allowed('with a condition that holds', 'UCT-34', {
      container: ask(bob, { proofs: [onlyBob], capability: mailWith({ to: 'bob' }) }),
    }),
    await allowed('with a policy that holds', 'UCT-35', {
      container: ask(bob, {
        proofs: [await give(mailWith({ pol: [['like', '.to', 'b*']] }))],
        capability: mailWith({ to: 'bob' }),
      }),
    }),
    await allowed('with a proof that nobody signed, and one that is signed', 'UCT-36', {
      container: ask(bob, { proofs: [forged(root), root] }),
    }),
    await allowed('with a proof that is no policy, and one without', 'UCT-36', {
      container: ask(bob, { proofs: [noPolicy, root] }),
    }),
    await allowed('with a proof that is revoked, and one that is not', 'UCT-36', {
      container: ask(bob, { proofs: [root, again] }),
      context: { revoked: [{ id: name }] },
    }),
    await allowed('revoked by somebody who does not stand in the chain', 'RVK-03', {
      container: ask(bob, { proofs: [root] }),
      context: { revoked: [{ id: name, revoker: mallory.did() }] },
    }),
    ...(await refused('path', 'UCT-31', 'command_not_covered', {
      'below what was given': {
        container: ask(bob, { proofs: [root], capability: { ...mail, can: 'mail/send/now' } }),
      },
    })),
    ...(await refused('path', 'UCT-32', 'subject_misaligned', {
      'over another resource': { container: ask(bob, { proofs: [root], capability: { ...mail, with: carol.did() } }) },
    })),
    ...(await refused('path', 'UCT-33', 'root_not_subject', { 'by nobody with a proof': { container: ask(bob) } })),
    ...(await refused('path', 'UCT-35', 'unsupported', {
      'with a policy that is none': { container: ask(bob, { proofs: [noPolicy] }) },
    })),
    ...(await refused('path', 'UCT-38', 'proof_missing', {
      'with a proof that does not come along': { container: archive([await callBy(bob, { proofs: [root] })]) },
    })),
    ...(await refused('path', 'UCT-39', 'principal_misaligned', {
      'for somebody else': { container: ask(carol, { proofs: [root] }) },
    })),
    ...(await refused('path', 'PRF-08', 'signature_invalid', {
      'that nobody signed': { container: ask(bob, { proofs: [forged(root)] }), at: 0 },
      'that nobody signed, twice': {
        container: ask(bob, { proofs: [forged(root), forged(again)] }),
        at: 0,
      },
    })),
    ...(await refused('condition', 'PRF-11', 'policy_unsatisfied', {
      'with an argument of another type': {
        container: ask(bob, { proofs: [onlyBob], capability: mailWith({ to: ['bob'] }) }),
        at: 0,
      },
      'without the argument that is asked for': { container: ask(bob, { proofs: [onlyBob] }), at: 0 },
    })),
    ...(await refused('revoked', 'RVK-05', 'revoked', {
      'each of the proofs, by the operator': {
        container: ask(bob, { proofs: [root, again] }),
        at: 0,
        context: { revoked: [{ id: name }, { id: String(again.cid) }] },
      },
      'by its issuer': {
        container: ask(bob, { proofs: [root] }),
        at: 0,
        context: { revoked: [{ id: name, revoker: alice.did() }] },
      },
      'by who stands before it': {
        container: ask(carol, { proofs: [onward], earlier: [root] }),
        at: 1,
        context: { revoked: [{ id: String(onward.cid), revoker: alice.did() }] },
      },
    })),
  ]
}
