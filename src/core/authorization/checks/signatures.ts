import { MalformedError } from '../../../errors.ts'
import { createBoundedMap } from '../../../support/bounded-map.ts'
import { isPromiseLike } from '../../../support/promise.ts'
import { assertOnCurve } from '../../did/assert-on-curve.ts'
import { type Did, didMethod } from '../../did/did.ts'
import type { PublicKey } from '../../did/public-key.ts'
import type { CryptoBackend } from '../../principal/backend/backend.ts'
import type { Chain, ChainLink, Link, SignedBytes } from '../chain.ts'
import type { Caches } from '../machinery/caches.ts'
import { createKeyRing } from '../machinery/key-ring.ts'
import { type Steps, wait } from '../machinery/steps.ts'
import { atOnceBy, type Verifier } from '../machinery/verifiers.ts'
import type { Refusal } from '../refusal.ts'
import type { CallOptions, VerificationSettings } from '../settings.ts'

/** Most keys of one DID that are tried. */
const maxKeys = 8

/** The caches between calls, and the verifier of this call. */
export interface SignatureState extends Pick<Caches, 'links' | 'keys'> {
  readonly verify: Verifier
}

/** State for one decision, without caches from other calls. It verifies in the turn of this call. */
export function createSignatureState(backend: CryptoBackend): SignatureState {
  return { links: createBoundedMap<Link>(0), keys: createKeyRing(), verify: atOnceBy(backend) }
}

/**
 * Every token is signed by its issuer. The invocation comes first: a stranger who copied a genuine chain cannot sign
 * it, so a forged call costs one verification, whatever the length of the chain.
 *
 * PRF-18: signatures by a `did:key` come before those whose keys are looked up. A stranger cannot forge the chain
 * of an owner with such a key, and so causes no request for the document of an invented principal.
 */
export function* checkSignatures(
  chain: Chain,
  settings: VerificationSettings,
  state: SignatureState,
  call: CallOptions,
): Steps<Refusal | undefined> {
  const { links, invocation } = chain
  const { issuer } = invocation.fields
  const isKey = didMethod(issuer) === 'key'
  const own = (): Steps<Refusal | undefined> =>
    checkSignature(issuer, invocation.envelope, links.length, settings, state, call)
  if (isKey) return (yield* own()) ?? (yield* checkLinkSignatures(links, settings, state, call))
  return (
    (yield* checkEach(links, 'key', settings, state, call)) ??
    (yield* own()) ??
    (yield* checkEach(links, 'other', settings, state, call))
  )
}

/** The delegations of a chain are signed by their issuers. A remembered delegation is not verified again. */
export function* checkLinkSignatures(
  links: readonly ChainLink[],
  settings: VerificationSettings,
  state: SignatureState,
  call: CallOptions,
): Steps<Refusal | undefined> {
  return (
    (yield* checkEach(links, 'key', settings, state, call)) ?? (yield* checkEach(links, 'other', settings, state, call))
  )
}

/** Verifies the delegations whose issuer is a `did:key`, or the other ones. */
function* checkEach(
  links: readonly ChainLink[],
  kind: 'key' | 'other',
  settings: VerificationSettings,
  state: SignatureState,
  call: CallOptions,
): Steps<Refusal | undefined> {
  for (let at = 0; at < links.length; at++) {
    const { link, key, unverified } = links[at] as ChainLink
    if (unverified === undefined || (didMethod(link.issuer) === 'key') !== (kind === 'key')) continue
    const denial = yield* checkSignature(link.issuer, unverified, at, settings, state, call)
    if (denial !== undefined) return denial
    // Other DIDs can change their keys: a signature that was valid before may be invalid now.
    if (kind === 'key') state.links.set(key, link)
  }
  return undefined
}

function* checkSignature(
  issuer: Did,
  envelope: SignedBytes,
  at: number,
  settings: VerificationSettings,
  state: SignatureState,
  call: CallOptions,
): Steps<Refusal | undefined> {
  let fitting: readonly PublicKey[] = []
  let failure: Failure | undefined
  try {
    const ready = state.keys.ready(issuer)
    if (ready !== undefined && ready.key.algorithm === envelope.algorithm) {
      fitting = [ready.key]
      const verdict = state.verify(ready.key, ready.prepared, envelope.signature, envelope.signed)
      if (isPromiseLike(verdict) ? yield verdict : verdict) return undefined
    } else {
      const keys = yield* state.keys.resolve(issuer, settings, call)
      if (keys.length === 0) return unresolved(at)
      // The key determines the algorithm; the header must agree.
      fitting = keys.filter((key) => key.algorithm === envelope.algorithm).slice(0, maxKeys)
      for (const key of fitting) {
        const prepared = yield* wait(state.keys.prepare(key, settings.backend))
        if (yield* wait(state.verify(key, prepared, envelope.signature, envelope.signed))) return undefined
      }
    }
  } catch (error) {
    failure = { error }
  }
  failure = pointFailure(fitting) ?? failure
  if (failure !== undefined) {
    const { error } = failure
    settings.onError(error)
    return unresolved(at, error instanceof MalformedError ? error.message : 'it could not be resolved or used')
  }
  const hasKey = fitting.length > 0
  return {
    code: 'signature_invalid',
    at,
    requirement: hasKey ? 'PRF-08' : 'PRF-09',
    ...(!hasKey && { facts: { reason: envelope.algorithm } }),
  }
}

/** An error, which may be any value. */
interface Failure {
  readonly error: unknown
}

/**
 * The error for a key that is not a point of its curve. The check is left to the verification, which gives no reason,
 * or an error of the platform.
 */
function pointFailure(keys: readonly PublicKey[]): Failure | undefined {
  try {
    for (const key of keys) assertOnCurve(key)
  } catch (error) {
    return { error }
  }
  return undefined
}

function unresolved(at: number, reason?: string): Refusal {
  return { code: 'key_unresolved', at, requirement: 'PRF-10', facts: { reason } }
}
