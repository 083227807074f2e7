/**
 * Chains of which something is revoked by somebody who may.
 *
 * @module
 */

import { courier, mailer, owner, type Principal, planner, principal, stranger } from '../principals.ts'
import { cidText, delegation, invocation, type Token } from '../token.ts'
import { twin } from '../twin.ts'
import { type Hostile, type RevokedEntry, refused, type Vector } from '../vector.ts'

/** All of them. */
export function revocationVectors(): readonly Vector[] {
  const [, root, next] = chain() as readonly [Token, Token, Token]
  const revoked = (at: number, ...revoked: readonly RevokedEntry[]): Hostile => ({
    tokens: chain(),
    at,
    context: { revoked },
  })
  return [
    ...refused('delegation-revoked', 'RVK-05', 'revoked', {
      'the root, by its issuer': revoked(0, { id: cidText(root), revoker: owner.did }),
      'the second, by its issuer': revoked(1, { id: cidText(next), revoker: planner.did }),
      'the second, by the issuer of the root': revoked(1, { id: cidText(next), revoker: owner.did }),
      'the third of three, by the issuer of the second': outer(planner),
      'the third of three, by the issuer of the root': outer(owner),
      'the root, by the operator': revoked(0, { id: cidText(root) }),
      'the second, by the operator': revoked(1, { id: cidText(next) }),
      'by a stranger first, and by its issuer': revoked(
        0,
        { id: cidText(root), revoker: stranger.did },
        { id: cidText(root), revoker: owner.did },
      ),
      'among many others': revoked(
        1,
        ...Array.from({ length: 8 }, (_, n) => ({
          id: cidText(delegation({ from: owner, to: planner, exp: 1_900_000_000 + n })),
        })),
        { id: cidText(next), revoker: planner.did },
      ),
    }),
    ...refused('principal-revoked', 'RVK-05', 'revoked', {
      'the owner': revoked(0, { id: owner.did }),
      'the planner': revoked(1, { id: planner.did }),
      'the invoker': revoked(2, { id: mailer.did }),
      'who signed for himself': {
        tokens: [invocation({ by: owner })],
        at: 0,
        context: { revoked: [{ id: owner.did }] },
      },
    }),
    ...refused('twin-revoked', 'RVK-05', 'revoked', {
      ...twins('ES256', 'P-256'),
      ...twins('ES256K', 'secp256k1'),
    }),
    ...refused('revocation-store-down', 'RVK-06', 'revocation_unknown', {
      'a good call': { tokens: chain(), context: { unavailable: ['revocations'] } },
      'a self-issued call': { tokens: [invocation({ by: owner })], context: { unavailable: ['revocations'] } },
    }),
  ]
}

/** With ECDSA, anybody can make a second CID of a delegation. A revocation of either ends both. */
function twins(algorithm: 'ES256' | 'ES256K', curve: string): Readonly<Record<string, Hostile>> {
  const issuer = principal(`owner on ${curve}`, algorithm)
  const low = delegation({ from: issuer, to: planner, sub: issuer })
  const high = twin(low, algorithm)
  const used = (token: Token, revoked: RevokedEntry): Hostile => ({
    tokens: [invocation({ by: planner, sub: issuer, prf: [token] }), token],
    at: 0,
    context: { subjects: [issuer.did], revoked: [revoked] },
  })
  return {
    [`the other one is used, on ${curve}`]: used(high, { id: cidText(low), revoker: issuer.did }),
    [`the other one is revoked, on ${curve}`]: used(low, { id: cidText(high), revoker: issuer.did }),
    [`the other one is used, revoked by the operator, on ${curve}`]: used(high, { id: cidText(low) }),
  }
}

/** A chain of three, whose last delegation is revoked by the issuer of an outer one. */
function outer({ did }: Principal): Hostile {
  const root = delegation({ from: owner, to: planner })
  const second = delegation({ from: planner, to: mailer })
  const third = delegation({ from: mailer, to: courier })
  return {
    tokens: [invocation({ by: courier, prf: [root, second, third] }), root, second, third],
    at: 2,
    context: { revoked: [{ id: cidText(third), revoker: did }] },
  }
}

function chain(): readonly Token[] {
  const through: readonly Principal[] = [owner, planner, mailer]
  const grants = through.slice(0, -1).map((from, at) => delegation({ from, to: through[at + 1] as Principal }))
  return [invocation({ by: through.at(-1) as Principal, prf: grants }), ...grants]
}
