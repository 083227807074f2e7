// node only: works with parts that use files
import type { Delegation } from 'procura'
import { revoke } from 'procura/revocation'
import { type Sent, sendRevocation } from '../tokens/send-revocation.ts'
import { type IssuedChain, lastOf } from './find-issued.ts'
import type { Owner } from './wrap-home.ts'

/** Revocations of delegations of one owner. */
export interface Revoked {
  /** The delegations whose revocation a gateway has taken, or takes at its start. */
  readonly done: readonly Delegation[]
  /** Those whose revocation it has taken. The record of the others stays, so they can be revoked again. */
  readonly taken: readonly Delegation[]
  /** Whether the gateway that has taken them refuses no call. */
  readonly dryRun?: true
  /** What became of them, each line once. */
  readonly messages: readonly string[]
}

/**
 * Revokes delegations that an owner has issued, or that are built on such ones, at the gateway of a home folder.
 *
 * @param owner - the signers of the owner. Each delegation is revoked by the key that its chain begins with.
 */
export async function revokeAll(home: string, owner: Owner, chains: readonly IssuedChain[]): Promise<Revoked> {
  const sent: (readonly [Delegation, Sent])[] = []
  for (const chain of chains) {
    const delegation = lastOf(chain)
    const issuer = owner.signers.find(({ did }) => did === chain[0].issuer) ?? owner.signer
    const revocation = await revoke({ issuer, delegation, ...(chain.length > 1 && { path: chain }) })
    const answer = await sendRevocation(home, revocation, chain)
    if (answer !== undefined) sent.push([delegation, answer])
  }
  return {
    done: sent.filter(([, { state }]) => state === 'taken' || state === 'waiting').map(([delegation]) => delegation),
    taken: sent.filter(([, { state }]) => state === 'taken').map(([delegation]) => delegation),
    ...(sent.some(([, { dryRun }]) => dryRun) && { dryRun: true }),
    messages: [...new Set(sent.map(([, { message }]) => message))],
  }
}
