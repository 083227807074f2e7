/**
 * Finds the delegations that prove a token. A token of 0.9.1 names its proofs, but not the purpose of each of them. A
 * proof can contain several capabilities, so a path must be searched.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Denial } from '../core/authorization/denial.ts'
import type { Did } from '../core/did/did.ts'
import { ipldEquals } from '../core/ipld/equal.ts'
import type { IpldValue } from '../core/ipld/value.ts'
import { never, type Timestamp } from '../time.ts'
import { abilityCovers, allResources, attestAbility, type Capability } from './capability.ts'
import { policyKey } from './caveats.ts'
import type { NamedToken, TokenTable } from './open-archive.ts'
import type { OpenToken } from './open-token.ts'
import type { Claim } from './read-claim.ts'

/** A delegation of a path. */
export interface PathStep {
  readonly source: NamedToken
  /** The token that names it as a proof. */
  readonly namedBy: NamedToken
  /** Positions in `att` of the capabilities that grant the claim, preferred ones first. */
  readonly places: readonly number[]
}

/** Paths through an archive. */
export interface Walk {
  /**
   * Finds the shortest path from the owner of the resource to the token, root first, among tokens whose time bounds and
   * plain conditions hold and that have not been barred. Otherwise returns the reason why there is no path.
   */
  find(): readonly PathStep[] | Denial
  /** Finds such a path also among tokens whose time bounds or plain conditions fail: to name the failure. */
  findFailing(): readonly PathStep[] | Denial
  /** Whether a token of the path has another proof, or another capability, that grants the claim. */
  hasChoice(path: readonly PathStep[]): boolean
  /** Excludes a token from now on. */
  bar(key: string): void
}

/** Options of {@link createWalk}. */
export interface WalkOptions {
  readonly start: NamedToken
  readonly claim: Claim
  readonly tokens: TokenTable
  /** The largest number of delegations in a path. */
  readonly most: number
  readonly now: Timestamp
  readonly clockTolerance: number
  /** The reason why `source` does not count as a statement of its issuer when `namedBy` names it as a proof. */
  readonly objection: (source: NamedToken, namedBy: NamedToken) => Denial | undefined
}

/**
 * Makes a walk. It visits every token once, nearest first and otherwise in the order in which proofs are named, so its
 * work is bounded by the number of links in the archive, whatever their structure. The capabilities of a token are
 * examined once, for all walks.
 */
export function createWalk(options: WalkOptions): Walk {
  const { tokens } = options
  const barred = new Set<string>()
  const placesOf = createPlaceTable(options)
  return {
    find: () => walk(options, barred, (token) => placesOf(token).holding),
    findFailing: () => walk(options, barred, (token) => placesOf(token).covering),
    hasChoice: (path) =>
      path.some(({ source, namedBy }) => {
        if (placesOf(source).holding.length > 1) return true
        for (const key of namedBy.proofs.keys()) {
          const other = tokens.get(key)
          if (other === undefined || other === source || other.token.audience !== namedBy.token.issuer) continue
          if (placesOf(other).holding.length > 0) return true
        }
        return false
      }),
    bar: (key) => {
      barred.add(key)
    },
  }
}

/** Capabilities of one token: those that grant the claim, and of them those whose plain conditions hold. */
interface Places {
  readonly covering: readonly number[]
  readonly holding: readonly number[]
}

function createPlaceTable({ claim, now, clockTolerance }: WalkOptions): (token: NamedToken) => Places {
  const known = new Map<string, Places>()
  return ({ token, key }) => {
    const found = known.get(key)
    if (found !== undefined) return found
    const covering: number[] = []
    const holding: number[] = []
    const inTime = isInTime(token, now, clockTolerance)
    for (const [place, capability] of token.capabilities.entries()) {
      if (!covers(capability, claim)) continue
      covering.push(place)
      if (inTime && conditionsHold(capability, claim)) holding.push(place)
    }
    const places = { covering, holding }
    known.set(key, places)
    return places
  }
}

/** A token in the queue of a walk. */
interface Visit {
  /** The delegation by which the walk came here; undefined for the start. */
  readonly step: PathStep | undefined
  readonly token: NamedToken
  readonly before: Visit | undefined
  readonly depth: number
}

/** Reasons why a walk found no path, in the order in which they are reported. */
interface Obstacles {
  /** Proofs that are not in the archive. */
  readonly missing: CID[]
  /** The first proof to which there is an objection. */
  unsigned?: Denial
  /** Any other reason. A proof that does not cover the claim replaces an earlier reason. */
  other?: Denial
}

/** One breadth-first walk from the start to a token whose issuer owns the resource. */
function walk(
  options: WalkOptions,
  barred: ReadonlySet<string>,
  placesIn: (token: NamedToken) => readonly number[],
): readonly PathStep[] | Denial {
  const { start, claim, most } = options
  const queue: Visit[] = [{ step: undefined, token: start, before: undefined, depth: 0 }]
  const visited = new Set(barred)
  const obstacles: Obstacles = { missing: [] }
  for (const visit of queue) {
    if (visit.token.token.issuer === claim.owner) return pathOf(visit)
    if (visit.depth === most) obstacles.other ??= tooLong(most)
    else queue.push(...proofsOf(visit, options, placesIn, visited, obstacles))
  }
  return denialFor(obstacles, options)
}

/** The proofs of a token to visit next. A proof that cannot be used becomes an obstacle. */
function* proofsOf(
  visit: Visit,
  { claim, tokens, objection }: WalkOptions,
  placesIn: (token: NamedToken) => readonly number[],
  visited: Set<string>,
  obstacles: Obstacles,
): Generator<Visit> {
  const { token: namedBy } = visit
  const { issuer } = namedBy.token
  for (const [key, cid] of namedBy.proofs) {
    if (visited.has(key)) continue
    const source = tokens.get(key)
    if (source === undefined) {
      visited.add(key)
      obstacles.missing.push(cid)
      continue
    }
    // Another token may name the same proof and be its audience: the proof is not visited yet.
    if (source.token.audience !== issuer) {
      obstacles.other ??= misaligned(issuer, source.token.audience)
      continue
    }
    const places = placesIn(source)
    if (places.length === 0) {
      visited.add(key)
      // An attestation grants nothing else; that is not a reason.
      if (source.token.capabilities[0]?.can !== attestAbility) obstacles.other = notCovered(source, claim)
      continue
    }
    const reason = objection(source, namedBy)
    if (reason !== undefined) {
      obstacles.unsigned ??= reason
      continue
    }
    visited.add(key)
    yield { step: { source, namedBy, places }, token: source, before: visit, depth: visit.depth + 1 }
  }
}

function denialFor({ missing, unsigned, other }: Obstacles, { start, claim }: WalkOptions): Denial {
  if (missing.length > 0) {
    return {
      code: 'proof_missing',
      message: `the archive does not contain ${missing.length} of the named proofs; include them`,
      requirement: 'UCT-38',
      missing,
    }
  }
  return unsigned ?? other ?? notOwner(start.token.issuer, claim)
}

/** Whether a token is valid at a time. */
export function isInTime(
  { notBefore, expiration }: Pick<OpenToken, 'notBefore' | 'expiration'>,
  now: Timestamp,
  clockTolerance: number,
): boolean {
  if (notBefore !== undefined && now < notBefore - clockTolerance) return false
  return expiration === never || now <= expiration + clockTolerance
}

/** Whether a capability grants the claim, apart from its conditions. */
function covers({ ability, with: resource }: Capability, { command, resource: claimed }: Claim): boolean {
  // UCT-32: The same text, or all resources of the issuer. Prefixes mean different things in different schemes.
  return (resource === claimed || resource === allResources) && ability !== undefined && abilityCovers(ability, command)
}

/** Whether the plain conditions hold. Policies are evaluated later. */
function conditionsHold({ nb }: Capability, { args }: Claim): boolean {
  return Object.entries(nb).every(
    ([key, value]) => key === policyKey || (Object.hasOwn(args, key) && ipldEquals(args[key] as IpldValue, value)),
  )
}

function pathOf(end: Visit): readonly PathStep[] {
  const path: PathStep[] = []
  for (let visit: Visit | undefined = end; visit?.step !== undefined; visit = visit.before) path.push(visit.step)
  return path
}

function tooLong(most: number): Denial {
  return {
    code: 'chain_too_long',
    message: `no chain of at most ${most} delegations proves the call; use a shorter one`,
    requirement: 'UCT-37',
  }
}

function misaligned(issuer: Did, audience: Did): Denial {
  return {
    code: 'principal_misaligned',
    message: `a token is issued by ${issuer}, but its proof was issued to ${audience}`,
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
      message: `no capability of the delegation by ${token.issuer} covers \`${command}\`; ask for a delegation that does`,
      requirement: 'UCT-31',
      detail: { kind: 'command', found: command },
    }
  }
  return {
    code: 'subject_misaligned',
    message: `the delegation by ${token.issuer} does not cover the resource of the invocation; ask for a delegation that does`,
    requirement: 'UCT-32',
  }
}

function notOwner(issuer: Did, { owner }: Claim): Denial {
  return {
    code: 'root_not_subject',
    message: `${issuer} has no proof for resources of ${owner}; send the delegations that lead from the owner to the invoker`,
    requirement: 'UCT-33',
    detail: { kind: 'principal', expected: [owner], found: issuer },
  }
}
