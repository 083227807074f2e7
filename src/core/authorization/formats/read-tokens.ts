/**
 * The tokens of a container: recognized or hashed, and read strictly.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { isPromiseLike } from '../../../support/promise.ts'
import { splitContainer } from '../../container/container.ts'
import { readDelegationFields } from '../../delegation/payload.ts'
import { isLenient } from '../../envelope/complete-decoding.ts'
import { type Envelope, fieldBytes, openEnvelope } from '../../envelope/open.ts'
import type { InvocationFields } from '../../invocation/invocation.ts'
import { readInvocationPayload } from '../../invocation/payload.ts'
import { taskBytes } from '../../invocation/task.ts'
import { cidOfKey, cidTextOfKey, digestKey } from '../../ipld/cid.ts'
import type { CryptoBackend } from '../../principal/backend/backend.ts'
import { twinSignature } from '../../principal/signature.ts'
import { type ChainLink, type Link, linkWeight, type OpenInvocation } from '../chain.ts'
import { denialOf } from '../denial-of.ts'
import type { ReadingCaches } from '../machinery/caches.ts'
import { recognize } from '../machinery/known-tokens.ts'
import { type Steps, wait } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { VerificationSettings } from '../settings.ts'

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
    const split = splitContainer(input, settings.bounds, backend.sha256Key !== undefined)
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
    // The name of a token is the hash of the received bytes, and no other name is used.
    const keyOf = () => keys?.[index] ?? (backend.sha256Key?.(token) as string)
    try {
      let key = ''
      if (!isInvocation(token)) {
        key = keyOf()
        // A token that is in the container twice is read once.
        if (delegations.has(key)) continue
        const met = remembered(key, caches)
        if (met !== undefined) {
          caches.tokens.add(token, key)
          delegations.set(key, met)
          continue
        }
      }
      const envelope = openEnvelope(token, settings.bounds, settings.accept, caches.texts)
      const lenient = isLenient(envelope, settings)
      if (envelope.tag.kind === 'delegation') {
        const link = yield* readLink(envelope, key, lenient, settings, caches)
        delegations.set(key, { link, key, unverified: envelope })
        continue
      }
      if (invocation !== undefined) return ambiguous
      invocation = new ReadInvocation(envelope, readInvocationPayload(envelope.payload, lenient, caches), keyOf)
    } catch (error) {
      return denialOf(error, { kind: 'token', index })
    }
  }
  return invocation === undefined ? missing : { invocation, delegations }
}

/** The offset of the type tag in each token that can be read: its signature and its header have one length. */
const tagAt = 80

const invocationTag: Uint8Array = /* @__PURE__ */ new TextEncoder().encode('ucan/inv@')

/** Whether a token that can be read is an invocation. One that cannot be read may give either answer. */
function isInvocation(token: Uint8Array): boolean {
  // From the end, because the kinds of tokens differ there.
  for (let i = invocationTag.length - 1; i >= 0; i--) if (token[tagAt + i] !== invocationTag[i]) return false
  return true
}

/**
 * An invocation whose name, which no check needs, is computed when it is read. It is a class because an object with a
 * getter of its own takes three times as long to make.
 */
class ReadInvocation implements OpenInvocation {
  readonly envelope: Envelope
  readonly fields: InvocationFields
  readonly #keyOf: () => string

  constructor(envelope: Envelope, fields: InvocationFields, keyOf: () => string) {
    this.envelope = envelope
    this.fields = fields
    this.#keyOf = keyOf
  }

  get cid(): CID {
    return cidOfKey(this.#keyOf())
  }

  task(): Uint8Array {
    return taskBytes(this.envelope)
  }
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
  // Built without spreads: many links are kept, and an object that was spread takes more memory.
  const link: { -readonly [Key in keyof Link]: Link[Key] } = {
    issuer: fields.issuer,
    audience: fields.audience,
    subject: fields.subject,
    command: fields.command,
    policy: fields.policy,
    expiration: fields.expiration,
    name: cidTextOfKey(key),
  }
  if (fields.notBefore !== undefined) link.notBefore = fields.notBefore
  const twin = yield* twinName(envelope, settings)
  if (twin !== undefined) link.twin = twin
  const weight = linkWeight(envelope.signed.length)
  if (weight > 1) link.weight = weight
  if (fields.policy.hasLimits)
    link.payload = cidTextOfKey(digestKey(yield* wait(settings.backend.sha256(envelope.signed))))
  return link
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
