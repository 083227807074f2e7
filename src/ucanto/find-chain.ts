/**
 * From a token to the delegations that prove it. In 0.9.1 a token names proofs without saying which of them proves
 * what, and each can hold several capabilities, so that a path has to be looked for.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Denial } from '../authorization/denial.ts'
import type { Command } from '../capability/command.ts'
import type { Did } from '../did/did.ts'
import { tokenKey } from '../ipld/cid.ts'
import { ipldEquals } from '../ipld/equal.ts'
import type { IpldMap, IpldValue } from '../ipld/value.ts'
import { never, type Timestamp } from '../time.ts'
import { abilityCovers } from './ability.ts'
import { allResources, type Capability, policyKey } from './capability.ts'
import type { NamedToken, TokenTable } from './open-archive.ts'

/** What has to be proved. */
export interface Claim {
  readonly command: Command
  /** `with` of the invocation. */
  readonly resource: string
  /** Who may delegate over the resource without proof. */
  readonly owner: Did
  readonly args: IpldMap
  readonly now: Timestamp
  readonly clockTolerance: number
}

/** A delegation of the path, and which of its capabilities is used. */
export interface PathStep {
  readonly source: NamedToken
  readonly capability: Capability
  /** Its place in `att`. */
  readonly index: number
}

/**
 * Finds the shortest path from the owner of the resource to a token, root first. Every token is visited once, nearest
 * first and otherwise in the order in which proofs are named (UCT-36), so that the work is bounded by the number of
 * links in the archive, however they are tied together.
 *
 * A path whose time bounds and plain conditions hold is preferred. When there is none, one that only fails in those is
 * given back, for the checks to say what is wrong with it.
 *
 * @param most - delegations in the path.
 */
export function findChain(
  start: NamedToken,
  claim: Claim,
  tokens: TokenTable,
  most: number,
): readonly PathStep[] | Denial {
  const path = walk(start, claim, tokens, most, holds)
  if (!('code' in path)) return path
  return walk(start, claim, tokens, most, () => true)
}

interface Visit {
  readonly step: PathStep | undefined
  readonly token: NamedToken
  readonly before: Visit | undefined
  readonly depth: number
}

function walk(
  start: NamedToken,
  claim: Claim,
  tokens: TokenTable,
  most: number,
  accepts: (step: PathStep, claim: Claim) => boolean,
): readonly PathStep[] | Denial {
  const queue: Visit[] = [{ step: undefined, token: start, before: undefined, depth: 0 }]
  const visited = new Set<string>()
  const missing: CID[] = []
  let denial: Denial | undefined
  for (let visit = queue.shift(); visit !== undefined; visit = queue.shift()) {
    const { issuer, proofs } = visit.token.token
    if (issuer === claim.owner) return pathOf(visit)
    if (visit.depth === most) {
      denial ??= { code: 'chain_too_long', message: `no chain of at most ${most} delegations`, requirement: 'UCT-37' }
      continue
    }
    for (const cid of proofs) {
      const key = tokenKey(cid)
      if (visited.has(key)) continue
      const source = tokens.get(key)
      if (source === undefined) {
        visited.add(key)
        missing.push(cid)
        continue
      }
      if (source.token.audience !== issuer) {
        denial ??= misaligned(issuer, source.token.audience)
        continue
      }
      visited.add(key)
      const index = source.token.capabilities.findIndex(
        (capability, place) => covers(capability, claim) && accepts({ source, capability, index: place }, claim),
      )
      const capability = source.token.capabilities[index]
      if (capability === undefined) {
        denial = notCovered(source, claim)
        continue
      }
      queue.push({
        step: { source, capability, index },
        token: source,
        before: visit,
        depth: visit.depth + 1,
      })
    }
  }
  if (missing.length > 0) {
    return {
      code: 'proof_missing',
      message: `${missing.length} of the proofs named are not in the archive`,
      requirement: 'UCT-38',
      missing,
    }
  }
  return denial ?? notOwner(start.token.issuer, claim)
}

/** Whether a capability gives what is claimed, apart from conditions. */
function covers({ ability, with: resource }: Capability, { command, resource: claimed }: Claim): boolean {
  // UCT-32: the same text, or all that the issuer has; no prefixes, which mean different things in different schemes.
  return (resource === claimed || resource === allResources) && ability !== undefined && abilityCovers(ability, command)
}

/** Whether the time bounds hold, and the conditions that are no more than comparisons. Policies are asked later. */
function holds({ source, capability }: PathStep, { now, clockTolerance, args }: Claim): boolean {
  const { notBefore, expiration } = source.token
  if (notBefore !== undefined && now < notBefore - clockTolerance) return false
  if (expiration !== never && now > expiration + clockTolerance) return false
  return Object.entries(capability.nb).every(
    ([key, value]) => key === policyKey || (Object.hasOwn(args, key) && ipldEquals(args[key] as IpldValue, value)),
  )
}

function pathOf(end: Visit): readonly PathStep[] {
  const path: PathStep[] = []
  for (let visit: Visit | undefined = end; visit?.step !== undefined; visit = visit.before) path.push(visit.step)
  return path
}

function misaligned(issuer: Did, audience: Did): Denial {
  return {
    code: 'principal_misaligned',
    message: `a token is issued by ${issuer}, but its proof is for ${audience}`,
    requirement: 'UCT-39',
    detail: { kind: 'principal', expected: [audience], found: issuer },
  }
}

function notCovered({ token }: NamedToken, claim: Claim): Denial {
  const { command, resource } = claim
  const near = token.capabilities.some(({ with: given }) => given === resource || given === allResources)
  if (near) {
    return {
      code: 'command_not_covered',
      message: `no capability of the delegation by ${token.issuer} covers \`${command}\``,
      requirement: 'UCT-31',
      detail: { kind: 'command', found: command },
    }
  }
  return {
    code: 'subject_misaligned',
    message: `the delegation by ${token.issuer} is about another resource than the invocation`,
    requirement: 'UCT-32',
  }
}

function notOwner(issuer: Did, { owner }: Claim): Denial {
  return {
    code: 'root_not_subject',
    message: `${issuer} has no proof over what belongs to ${owner}`,
    requirement: 'UCT-33',
    detail: { kind: 'principal', expected: [owner], found: issuer },
  }
}
