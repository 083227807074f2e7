// node only: part of `procura inspect`
import { anyCommand, anySubject, type Delegation, type Invocation, never } from 'procura'
import { verifyDelegation } from 'procura/authorization'
import { describePolicy } from 'procura/policy'
import { showDate, showDistance } from '../terminal/time-text.ts'
import { chainTo, longestChain } from './choose-chain.ts'
import type { ReadTokens } from './read-tokens.ts'

/** A chain of delegations as text. */
export interface DrawnChain {
  readonly lines: readonly string[]
  /** CIDs, root first. */
  readonly json: object
  /** Whether the delegations verify: signatures, times, principals, subject and commands. */
  readonly verified: boolean
}

/**
 * Draws the chain of each invocation, and of each delegation on which no other one is built, root first.
 *
 * @param now - seconds, for the time that remains.
 */
export async function drawChains(
  { delegations, invocations }: ReadTokens,
  now: number,
): Promise<readonly DrawnChain[]> {
  const byCid = new Map(delegations.map((one) => [one.cid.toString(), one]))
  const drawn: DrawnChain[] = []
  const used = new Set<Delegation>()
  for (const call of invocations) {
    const proofs = call.proofs.slice(0, longestChain).map((cid) => byCid.get(cid.toString()) ?? cid.toString())
    for (const proof of proofs) if (typeof proof !== 'string') used.add(proof)
    drawn.push(await draw(proofs, call, now))
  }
  const rest = delegations.filter((one) => !used.has(one))
  const leaves = rest.filter(({ audience }) => !rest.some(({ issuer }) => issuer === audience))
  // Delegations in a ring have no leaf; each is then shown as a chain of its own.
  for (const leaf of leaves.length === 0 ? rest : leaves)
    drawn.push(
      await draw(
        chainTo(leaf, rest, ([first]) => first),
        undefined,
        now,
      ),
    )
  return drawn
}

async function draw(
  proofs: readonly (Delegation | string)[],
  call: Invocation | undefined,
  now: number,
): Promise<DrawnChain> {
  const found = proofs.filter((proof) => typeof proof !== 'string')
  const first = found[0]
  const lines = [titleOf(proofs.length, call)]
  lines.push(`  ${first?.issuer ?? call?.issuer ?? '?'}`)
  for (const [at, proof] of proofs.entries()) {
    lines.push(
      `    │ delegation ${at + 1} of ${proofs.length}${typeof proof === 'string' ? `: ${proof} is not in the input` : ''}`,
    )
    if (typeof proof === 'string') continue
    for (const line of linkLines(proof, now)) lines.push(`    │ ${line}`)
    lines.push('    ▼', `  ${proof.audience}`)
  }
  if (call !== undefined) {
    lines.push(`    │ calls ${call.command}, ${expiryOf(call.expiration, now)}`, '    ▼')
    lines.push(`  ${call.audience ?? call.subject}`)
  }
  const fault = proofs.length === 0 ? undefined : await faultOf(proofs, now)
  if (proofs.length > 0)
    lines.push(fault === undefined ? '  verified' : `  not verified: ${fault.message} (${fault.code})`)
  return {
    lines,
    verified: fault === undefined,
    json: {
      delegations: proofs.map((proof) => (typeof proof === 'string' ? proof : proof.cid.toString())),
      ...(call !== undefined && { invocation: call.cid.toString() }),
      verified: fault === undefined,
      ...(fault !== undefined && { fault }),
    },
  }
}

/** The reason for which a chain does not verify. Revocations are not known here. */
async function faultOf(
  proofs: readonly (Delegation | string)[],
  now: number,
): Promise<{ readonly code: string; readonly message: string } | undefined> {
  const found = proofs.filter((proof) => typeof proof !== 'string')
  const absent = proofs.length - found.length
  if (absent > 0) return { code: 'proof_missing', message: `${absent} delegation(s) of the chain are not in the input` }
  const verdict = await verifyDelegation(found, {
    clock: { now: () => now },
    accept: ['1.0.0', '1.0.0-rc.1'],
    acceptRedundantFields: true,
  })
  return verdict.verified ? undefined : { code: verdict.denial.code, message: verdict.denial.message }
}

function titleOf(length: number, call: Invocation | undefined): string {
  if (length > 0) return `chain of ${length} delegation${length === 1 ? '' : 's'}`
  return call?.issuer === call?.subject
    ? 'no chain: the subject itself calls'
    : 'no chain: the call names no delegation'
}

function linkLines({ command, policy, expiration, notBefore, subject }: Delegation, now: number): readonly string[] {
  return [
    command === anyCommand ? 'every command' : `${command} and all commands below it`,
    ...(subject === anySubject ? ['for any subject'] : []),
    ...describePolicy(policy).map((words) => `where ${words}`),
    ...(notBefore !== undefined && notBefore > now
      ? [`valid from ${showDate(notBefore)} (${showDistance(notBefore, now)})`]
      : []),
    expiryOf(expiration, now),
  ]
}

function expiryOf(expiration: number | typeof never, now: number): string {
  if (expiration === never) return 'never expires'
  return `${expiration < now ? 'expired' : 'expires'} ${showDate(expiration)} (${showDistance(expiration, now)})`
}
