/**
 * Sessions. A principal without a key, such as `did:mailto`, cannot sign. An authority that has asked it, for example
 * by mail, attests its delegation with `ucan/attest`, which replaces the signature.
 *
 * @module
 */

import type { OpenInvocation } from '../core/authorization/chain.ts'
import { type Denial, type DenialCode, isDenial } from '../core/authorization/denial.ts'
import type { Steps } from '../core/authorization/machinery/steps.ts'
import { type Command, parseCommand } from '../core/capability/command.ts'
import { type Did, didMethod } from '../core/did/did.ts'
import { isTokenCid, tokenKey } from '../core/ipld/cid.ts'
import { isCid } from '../core/ipld/value.ts'
import { never, showTime, type Timestamp } from '../time.ts'
import { attestAbility, type Capability } from './capability.ts'
import { type AttestedSession, earliest, latest, unattested } from './chain-links.ts'
import type { NamedToken, TokenTable } from './open-archive.ts'
import type { OpenToken } from './open-token.ts'
import type { Claim } from './read-claim.ts'
import { isExhausted, prove, type Search, type SessionFinder } from './search.ts'
import { createWalk, isInTime, type PathStep, type Walk } from './walk.ts'

/** Finds sessions, and reports why a delegation has no session. */
export interface SessionTable extends SessionFinder {
  /**
   * The reason why a delegation is not accepted as a proof of `namedBy`. Undefined when it is signed, or when an
   * attestation of it that was not found invalid is named beside it.
   */
  objection(source: NamedToken, namedBy: NamedToken): Denial | undefined
}

/** A token whose first capability is `ucan/attest`. It may be invalid. */
interface Attestation {
  readonly source: NamedToken
  /** The key of the attested delegation. */
  readonly about: string | undefined
  /** The reason why it is invalid for every delegation. */
  readonly fault: Denial | undefined
}

/** The attestations among the proofs of one token. */
interface NamedAttestations {
  readonly all: readonly Attestation[]
  readonly byDelegation: ReadonlyMap<string | undefined, readonly Attestation[]>
}

const command: Command = parseCommand(`/${attestAbility}`)

/**
 * Finds the attestations of an archive. Each is verified once, when a path needs it.
 *
 * @param authorities - DIDs whose attestations are accepted.
 * @param begin - returns the search of the call; its first use creates it.
 */
export function createSessions(authorities: readonly Did[], tokens: TokenTable, begin: () => Search): SessionTable {
  const attestations = new Map<string, Attestation>()
  for (const [key, source] of tokens) {
    if (isAttestation(source.token)) attestations.set(key, readAttestation(source, authorities))
  }
  const verdicts = new Map<string, AttestedSession | Denial>()
  const named = new Map<string, NamedAttestations>()

  /** The attestations among the proofs of a token, in their order. */
  function namedIn({ key, proofs }: NamedToken): NamedAttestations {
    const known = named.get(key)
    if (known !== undefined) return known
    const all = [...proofs.keys()].flatMap((proof) => attestations.get(proof) ?? [])
    const byDelegation = new Map<string | undefined, Attestation[]>()
    for (const one of all) byDelegation.set(one.about, [...(byDelegation.get(one.about) ?? []), one])
    const found = { all, byDelegation }
    named.set(key, found)
    return found
  }

  /** The known reason why an attestation is invalid for one delegation. */
  function faultFor({ source, about, fault }: Attestation, delegation: NamedToken): Denial | undefined {
    if (about !== delegation.key) {
      return fault ?? unsigned('UCT-52', 'the attestation beside the delegation is for another delegation')
    }
    if (source.token.audience !== delegation.token.audience) return misaddressed(source.token, delegation.token)
    const verdict = verdicts.get(source.key)
    return fault ?? (verdict !== undefined && isDenial(verdict) ? verdict : undefined)
  }

  const candidates = (delegation: NamedToken, namedBy: NamedToken): readonly Attestation[] =>
    attestations.size === 0
      ? []
      : (namedIn(namedBy).byDelegation.get(delegation.key) ?? []).filter(
          (attestation) => faultFor(attestation, delegation) === undefined,
        )

  function* verdictOn({ source }: Attestation, namedBy: NamedToken): Steps<AttestedSession | Denial> {
    const known = verdicts.get(source.key)
    if (known !== undefined) return known
    const verdict = yield* verify(source, namedBy, begin())
    verdicts.set(source.key, verdict)
    return verdict
  }

  return {
    objection(source, namedBy) {
      if (source.token.signature !== undefined || candidates(source, namedBy).length > 0) return undefined
      const { all, byDelegation } = namedIn(namedBy)
      const nearest = byDelegation.get(source.key)?.[0] ?? all[0]
      return (nearest && faultFor(nearest, source)) ?? unattestedDenial(source.token.issuer)
    },
    isOffered: ({ source, namedBy }) =>
      didMethod(source.token.issuer) !== 'key' &&
      (source.token.signature === undefined || candidates(source, namedBy).length > 0),
    *open({ source, namedBy }) {
      let denial: Denial | undefined
      for (const attestation of candidates(source, namedBy)) {
        const verdict = yield* verdictOn(attestation, namedBy)
        if (!isDenial(verdict) || isExhausted(verdict)) return verdict
        denial ??= verdict
      }
      return denial ?? unattestedDenial(source.token.issuer)
    },
  }
}

/** Whether a token is an attestation. Other verifiers also look at its first capability. */
function isAttestation({ capabilities }: OpenToken): boolean {
  return capabilities[0]?.can === attestAbility
}

function readAttestation(source: NamedToken, authorities: readonly Did[]): Attestation {
  const { capabilities } = source.token
  const { with: resource, nb } = capabilities[0] as Capability
  const { proof, ...others } = nb
  if (capabilities.length > 1 || !isCid(proof) || !isTokenCid(proof) || Object.keys(others).length > 0) {
    const fault = unsigned('UCT-59', 'an attestation must have exactly one capability, for exactly one delegation')
    return { source, about: isCid(proof) && isTokenCid(proof) ? tokenKey(proof) : undefined, fault }
  }
  const fault = authorities.some((authority) => authority === resource)
    ? undefined
    : unsigned('UCT-51', 'the attestation is over a DID that is not an accepted authority of this service')
  return { source, about: tokenKey(proof), fault }
}

/** Verifies that an attestation comes from its authority, by the rules for any capability. */
function* verify(source: NamedToken, namedBy: NamedToken, search: Search): Steps<AttestedSession | Denial> {
  const { token } = source
  const { now, settings } = search.context
  const { clockTolerance, bounds } = settings
  if (token.signature === undefined) return unsigned('UCT-55', 'the attestation is not signed')
  if (!isInTime(token, now, clockTolerance)) return untimely(token, now)
  const { with: resource, nb } = token.capabilities[0] as Capability
  const claim: Claim = { command, resource, owner: search.context.caches.parseDid(resource), args: nb }
  const walk = createWalk({
    start: source,
    claim,
    tokens: search.tokens,
    most: bounds.proofs,
    now,
    clockTolerance,
    objection: ({ token: { signature } }) =>
      signature === undefined
        ? unsigned('UCT-55', 'a delegation in the proof chain of the attestation is not signed')
        : undefined,
  })
  const last: readonly PathStep[] = [{ source, namedBy, places: [0] }]
  const invocation = standIn(source, claim)
  const outcome = yield* prove({ claim, walk, last, invocation: () => invocation }, search)
  if ('denial' in outcome) return refusal(outcome.denial, walk, search)
  const { links } = outcome
  const times = links.map(({ link }) => link)
  return {
    notBefore: times.map(({ notBefore }) => notBefore).reduce(latest),
    expiration: times.map(({ expiration }) => expiration).reduce(earliest),
    chain: { links, invocation },
  }
}

/** The checks need an invocation. An attestation is not invoked, so its audience takes that part. */
function standIn({ token, cid }: NamedToken, { owner, args }: Claim): OpenInvocation {
  const empty = new Uint8Array(0)
  return {
    envelope: { signature: empty, algorithm: 'Ed25519', signed: empty },
    fields: {
      issuer: token.audience,
      subject: owner,
      audience: token.audience,
      command,
      args,
      proofs: [],
      nonce: empty,
      expiration: never,
    },
    cid,
    task: () => empty,
  }
}

/** The denial for an invalid attestation: its own requirement, with the finding of the checks. */
function refusal(denial: Denial, walk: Walk, { context }: Search): Denial {
  const { now, settings } = context
  const { code, message, detail } = denial
  if (isExhausted(denial)) return denial
  // A denial without a position means that no path was found, or only paths whose time bounds or conditions fail.
  const path = denial.at === undefined && requirementOf(code) === 'UCT-54' ? walk.findFailing() : denial
  if (!isDenial(path)) {
    const late = path.find(({ source }) => !isInTime(source.token, now, settings.clockTolerance))
    return late === undefined ? elsewhere : untimely(late.source.token, now)
  }
  return {
    code,
    message: `the attestation is invalid: ${message}`,
    requirement: requirementOf(code),
    ...(detail !== undefined && { detail }),
  }
}

const elsewhere: Denial = Object.freeze({
  code: 'policy_unsatisfied',
  message: 'the attestation is invalid: its issuer may attest other delegations only',
  requirement: 'UCT-54',
})

function requirementOf(code: DenialCode): string {
  if (code === 'signature_invalid' || code === 'key_unresolved') return 'UCT-55'
  return code === 'revoked' || code === 'revocation_unknown' ? 'UCT-57' : 'UCT-54'
}

function unsigned(requirement: string, message: string): Denial {
  return { code: 'signature_invalid', message, requirement }
}

function unattestedDenial(issuer: Did): Denial {
  const { message, requirement } = unattested(issuer)
  return unsigned(requirement, message)
}

function misaddressed({ audience }: OpenToken, delegation: OpenToken): Denial {
  return {
    code: 'principal_misaligned',
    message: `the attestation was issued to ${audience}, but the delegation to ${delegation.audience}`,
    requirement: 'UCT-53',
    detail: { kind: 'principal', expected: [delegation.audience], found: audience },
  }
}

function untimely({ notBefore = Number.NEGATIVE_INFINITY, expiration }: OpenToken, now: Timestamp): Denial {
  const early = now < notBefore
  const bound = early ? notBefore : (expiration as Timestamp)
  return {
    code: early ? 'not_yet_valid' : 'expired',
    message: early
      ? `the attestation is not valid before ${showTime(bound)}; it is now ${showTime(now)}; try again after that, with a new invocation`
      : `the attestation expired at ${showTime(bound)}; it is now ${showTime(now)}; ask the authority for a new one`,
    requirement: 'UCT-56',
    detail: { kind: 'time', now, bound },
  }
}
