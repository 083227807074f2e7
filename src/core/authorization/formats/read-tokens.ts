/**
 * The tokens of a container: recognized or hashed, and read strictly.
 *
 * @module
 */

import { isPromiseLike } from '../../../support/promise.ts'
import { splitContainer } from '../../container/container.ts'
import { readDelegationFields } from '../../delegation/payload.ts'
import { isLenient } from '../../envelope/complete-decoding.ts'
import { type Envelope, fieldBytes, openEnvelope } from '../../envelope/open.ts'
import { readInvocationPayload } from '../../invocation/payload.ts'
import { taskBytes } from '../../invocation/task.ts'
import { cidOfKey, cidTextOfKey, digestKey } from '../../ipld/cid.ts'
import type { CryptoBackend } from '../../principal/backend/backend.ts'
import { twinSignature } from '../../principal/signature.ts'
import type { ChainLink, Link, OpenInvocation } from '../chain.ts'
import { denialOf } from '../denial-of.ts'
import type { ReadingCaches } from '../machinery/caches.ts'
import { recognize } from '../machinery/known-tokens.ts'
import { type Steps, wait } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { VerificationSettings } from '../settings.ts'
import { linkOf } from './link-of.ts'
import { readUsualInvocation, readUsualLink } from './usual-token.ts'

/** The tokens of a container: one invocation, and delegations by the digest of their bytes. */
export interface Tokens {
  readonly invocation: OpenInvocation
  readonly delegations: ReadonlyMap<string, ChainLink>
}

/** Reads every token of a container, strictly: a malformed one is refused even if nothing refers to it. */
export function* readTokens(
  container: string | Uint8Array,
  settings: VerificationSettings,
  caches: ReadingCaches,
): Steps<Tokens | Refusal> {
  const { backend } = settings
  const input = typeof container === 'string' ? container : viewOf(container)
  let tokens: readonly Uint8Array[]
  try {
    // Bytes are borrowed for `recognize` alone, which copies those that are read later.
    const split = splitContainer(input, settings.limits, backend.sha256Key !== undefined)
    tokens = isPromiseLike(split) ? yield* wait(split) : split
  } catch (error) {
    return denialOf(error)
  }
  const { bytes, links } = recognize(tokens, input, caches)
  const keys = backend.sha256Key === undefined ? yield* hashAll(bytes, backend) : undefined
  const delegations = new Map<string, ChainLink>()
  let invocation: OpenInvocation | undefined
  for (let index = 0; index < bytes.length; index++) {
    const known = links[index]
    if (known !== undefined) {
      delegations.set(known.key, known)
      continue
    }
    const token = bytes[index] as Uint8Array
    try {
      const call = keys === undefined ? readUsualInvocation(token, settings, caches) : undefined
      if (call !== undefined) {
        if (invocation !== undefined) return ambiguous
        invocation = call
        continue
      }
      // The name of a token is the hash of the received bytes, and no other name is used.
      const key = keys?.[index] ?? (backend.sha256Key?.(token) as string)
      // A token that is in the container twice is read once.
      if (delegations.has(key)) continue
      const met = remembered(key, caches)
      if (met !== undefined) caches.tokens.add(token, key)
      const link = met ?? readUsualLink(token, key, settings, caches)
      if (link !== undefined) {
        delegations.set(key, link)
        continue
      }
      const envelope = openEnvelope(token, settings.limits, settings.accept, caches.texts)
      const lenient = isLenient(envelope, settings)
      if (envelope.tag.kind === 'delegation') {
        const link = yield* readLink(envelope, key, lenient, settings, caches)
        delegations.set(key, { link, key, unverified: envelope })
        continue
      }
      if (invocation !== undefined) return ambiguous
      const fields = readInvocationPayload(envelope.payload, lenient, caches)
      invocation = { envelope, fields, cid: cidOfKey(key), task: () => taskBytes(envelope) }
    } catch (error) {
      return denialOf(error, { kind: 'token', index })
    }
  }
  return invocation === undefined ? missing : { invocation, delegations }
}

/** PRF-13: a delegation that was verified before. Its key is the hash of the verified bytes. */
export function remembered(key: string, caches: ReadingCaches): ChainLink | undefined {
  const link = caches.links.get(key)
  return link === undefined ? undefined : { link, key, unverified: undefined }
}

/**
 * The same bytes without the class of the caller, whose properties can have another value each time that they are read.
 */
function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

const ambiguous: Refusal = Object.freeze({ code: 'invocation_ambiguous', requirement: 'CTN-06' })

const missing: Refusal = Object.freeze({ code: 'invocation_missing', requirement: 'CTN-07' })

/** The digests of tokens, as keys, where hashing has to be waited for: all are waited for at once. */
function* hashAll(tokens: readonly Uint8Array[], backend: CryptoBackend): Steps<readonly string[]> {
  const digests = tokens.map((bytes) => backend.sha256(bytes))
  const hashed = digests.some(isPromiseLike) ? yield* wait(Promise.all(digests)) : digests
  return hashed.map((digest) => digestKey(digest as Uint8Array))
}

/** Reads the link of a delegation. */
export function* readLink(
  envelope: Envelope,
  key: string,
  lenient: boolean,
  settings: VerificationSettings,
  caches: ReadingCaches,
): Steps<Link> {
  const fields = readDelegationFields(envelope.payload, lenient, caches, (policy) =>
    caches.policies.compile(fieldBytes(envelope, 'pol'), policy),
  )
  const link = linkOf(fields, key, yield* twinName(envelope, settings), envelope)
  if (!fields.policy.hasLimits) return link
  return { ...link, payload: cidTextOfKey(digestKey(yield* wait(settings.backend.sha256(envelope.signed)))) }
}

/**
 * An ECDSA signature can be turned into a second valid one without the key, so the token has a second CID. A revocation
 * names one of the two, so both are looked up.
 */
function* twinName(envelope: Envelope, settings: VerificationSettings): Steps<string | undefined> {
  const twin = twinSignature(envelope.algorithm, envelope.signature)
  if (twin === undefined) return undefined
  const bytes = new Uint8Array(envelope.bytes)
  // The signature is directly before the signed bytes.
  bytes.set(twin, bytes.length - envelope.signed.length - twin.length)
  return cidTextOfKey(digestKey(yield* wait(settings.backend.sha256(bytes))))
}
