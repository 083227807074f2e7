/**
 * From a token to the delegations that prove it. In 0.9.1 a token names proofs without saying which of them proves
 * what, and each can hold several capabilities, so that a path has to be looked for.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Denial } from '../authorization/denial.ts'
import type { Did } from '../did/did.ts'
import { ipldEquals } from '../ipld/equal.ts'
import type { IpldValue } from '../ipld/value.ts'
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
  /** Places in `att` of the capabilities that give what is claimed, in the order in which they are preferred. */
  readonly places: readonly number[]
}

/** Paths through an archive. */
export interface Walk {
  /**
   * The shortest path from the owner of the resource to the token, root first, over tokens whose time bounds and plain
   * conditions hold and that have not been barred. Otherwise why there is none.
   */
  find(): readonly PathStep[] | Denial
  /** The same, with tokens that fail in those: for saying what is wrong with them. */
  findFailing(): readonly PathStep[] | Denial
  /** Whether there is something to choose: a token of the path has other proofs, or capabilities, that could count. */
  hasChoice(path: readonly PathStep[]): boolean
  /** Leaves a token out from now on. */
  bar(key: string): void
}

/** What a walk is told. */
export interface WalkOptions {
  readonly start: NamedToken
  readonly claim: Claim
  readonly tokens: TokenTable
  /** Delegations in the path. */
  readonly most: number
  readonly now: Timestamp
  readonly clockTolerance: number
  /** Says why a token does not count as said by its issuer when it is named by that other one. */
  readonly objection: (source: NamedToken, namedBy: NamedToken) => Denial | undefined
}

interface Visit {
  readonly step: PathStep | undefined
  readonly token: NamedToken
  readonly before: Visit | undefined
  readonly depth: number
}

/** Capabilities of one token: those that give what is claimed, and of them those whose plain conditions hold. */
interface Places {
  readonly covering: readonly number[]
  readonly holding: readonly number[]
}

/**
 * Makes a walk. It visits every token once, nearest first and otherwise in the order in which proofs are named, so that
 * it is bounded by the number of links in the archive, however they are tied together. What the capabilities of a token
 * give is found out once, for all walks.
 */
export function createWalk({ start, claim, tokens, most, now, clockTolerance, objection }: WalkOptions): Walk {
  const barred = new Set<string>()
  const known = new Map<string, Places>()

  function placesOf({ token, key }: NamedToken): Places {
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

  function walk(placesIn: (token: NamedToken) => readonly number[]): readonly PathStep[] | Denial {
    const queue: Visit[] = [{ step: undefined, token: start, before: undefined, depth: 0 }]
    const visited = new Set<string>()
    const missing: CID[] = []
    let denial: Denial | undefined
    let unsigned: Denial | undefined
    for (let at = 0; at < queue.length; at++) {
      const visit = queue[at] as Visit
      const { token: namedBy } = visit
      const { issuer } = namedBy.token
      if (issuer === claim.owner) return pathOf(visit)
      if (visit.depth === most) {
        denial ??= { code: 'chain_too_long', message: `no chain of at most ${most} delegations`, requirement: 'UCT-37' }
        continue
      }
      for (const [key, cid] of namedBy.proofs) {
        if (visited.has(key) || barred.has(key)) continue
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
        const places = placesIn(source)
        if (places.length === 0) {
          visited.add(key)
          // That an attestation gives nothing else is no news.
          if (source.token.capabilities[0]?.can !== attestAbility) denial = notCovered(source, claim)
          continue
        }
        const reason = objection(source, namedBy)
        if (reason !== undefined) {
          unsigned ??= reason
          continue
        }
        visited.add(key)
        queue.push({ step: { source, namedBy, places }, token: source, before: visit, depth: visit.depth + 1 })
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
    return unsigned ?? denial ?? notOwner(start.token.issuer, claim)
  }

  return {
    find: () => walk((token) => placesOf(token).holding),
    findFailing: () => walk((token) => placesOf(token).covering),
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

/** Whether a token may be used at a time. */
export function isInTime(
  { notBefore, expiration }: Pick<OpenToken, 'notBefore' | 'expiration'>,
  now: Timestamp,
  clockTolerance: number,
): boolean {
  if (notBefore !== undefined && now < notBefore - clockTolerance) return false
  return expiration === never || now <= expiration + clockTolerance
}

/** Whether a capability gives what is claimed, apart from conditions. */
function covers({ ability, with: resource }: Capability, { command, resource: claimed }: Claim): boolean {
  // UCT-32: the same text, or all that the issuer has; no prefixes, which mean different things in different schemes.
  return (resource === claimed || resource === allResources) && ability !== undefined && abilityCovers(ability, command)
}

/** Whether the conditions hold that are no more than comparisons. Policies are asked later. */
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
