/**
 * From a container to a call: hash, decode, find the invocation, and put its proofs in order.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { splitContainer } from '../../container/container.ts'
import { isContainer } from '../../container/header.ts'
import { readDelegationFields } from '../../delegation/payload.ts'
import { isLenient } from '../../envelope/complete-decoding.ts'
import { type Envelope, fieldBytes, openEnvelope } from '../../envelope/open.ts'
import { readInvocationPayload } from '../../invocation/payload.ts'
import { taskBytes } from '../../invocation/task.ts'
import { cidOf, cidOfKey, digestKey, tokenKey } from '../../ipld/cid.ts'
import { twinSignature } from '../../principal/signature.ts'
import { isPromiseLike } from '../../support/promise.ts'
import { type Chain, type ChainLink, type Link, linkName, linkWeight, type OpenInvocation } from '../chain.ts'
import { type Denial, isDenial } from '../denial.ts'
import type { ReadingCaches } from '../machinery/caches.ts'
import { type Steps, wait } from '../machinery/steps.ts'
import { denialOf } from '../refusal.ts'
import type { VerificationSettings } from '../settings.ts'
import type { ReadingContext, TokenFormat } from './token-format.ts'

/** The tokens of a container: one invocation, and delegations by the digest of their bytes. */
export interface Tokens {
  readonly invocation: OpenInvocation
  readonly delegations: ReadonlyMap<string, ChainLink>
}

/** Reads a call in its format. Returns a chain, or the denial. */
export function readCall(
  container: string | Uint8Array,
  formats: readonly TokenFormat[],
  context: ReadingContext,
): Steps<Chain | Denial> {
  return formatOf(container, formats).read(container, context)
}

/** The format that recognizes a container; the first of the list if there is none. */
export function formatOf<Token>(
  container: string | Uint8Array,
  formats: readonly TokenFormat<Token>[],
): TokenFormat<Token> {
  const [first] = formats as readonly [TokenFormat<Token>]
  return formats.length === 1 ? first : (formats.find((format) => format.recognizes(container)) ?? first)
}

/** The default format: containers of UCAN 1.0.0. */
export const standardFormat: TokenFormat<never> = Object.freeze({
  name: 'ucan@1.0.0',
  recognizes: isContainer,
  read: readContainer,
})

function* readContainer(container: string | Uint8Array, { settings, caches }: ReadingContext): Steps<Chain | Denial> {
  const tokens = yield* readTokens(container, settings, caches)
  if (isDenial(tokens)) return tokens
  const { invocation, delegations } = tokens
  const links = orderProofs(
    invocation.fields.proofs,
    (key) => delegations.get(key) ?? (settings.rememberProofs ? remembered(key, caches) : undefined),
    settings.limits.proofs,
  )
  return isDenial(links) ? links : { links, invocation }
}

/** Reads every token of a container, strictly: a malformed one is refused even if nothing refers to it. */
export function* readTokens(
  container: string | Uint8Array,
  settings: VerificationSettings,
  caches: ReadingCaches,
): Steps<Tokens | Denial> {
  let tokens: readonly Uint8Array[]
  try {
    // Bytes are borrowed only where every hash is there before other code runs.
    tokens = yield* wait(splitContainer(container, settings.limits, settings.backend.sha256Key !== undefined))
  } catch (error) {
    return denialOf(error)
  }
  const received = recognize(tokens, container, settings, caches)
  const keys = yield* keysOf(received)
  const links = new Map<string, ChainLink>()
  let invocation: OpenInvocation | undefined
  for (let index = 0; index < received.length; index++) {
    const token = received[index] as ReceivedToken
    const key = keys[index] as string
    // A token that is in the container twice is read once.
    if (links.has(key)) continue
    const link = token.link ?? caches.links.get(key)
    if (link !== undefined) {
      links.set(key, { link, key, unverified: undefined })
      if (token.link === undefined) caches.tokens.add(token.bytes, key)
      continue
    }
    try {
      const envelope = openEnvelope(token.bytes, settings.limits, settings.accept, caches.texts)
      const lenient = isLenient(envelope, settings)
      if (envelope.tag.kind === 'delegation') {
        links.set(key, { link: yield* readLink(envelope, key, lenient, settings, caches), key, unverified: envelope })
        continue
      }
      if (invocation !== undefined) {
        return {
          code: 'invocation_ambiguous',
          message: 'the container has more than one invocation; send one call per container',
          requirement: 'CTN-06',
        }
      }
      const fields = readInvocationPayload(envelope.payload, lenient, caches)
      invocation = { envelope, fields, cid: cidOfKey(key), task: () => taskBytes(envelope) }
    } catch (error) {
      return denialOf(error, { kind: 'token', index })
    }
  }
  if (invocation === undefined) {
    return {
      code: 'invocation_missing',
      message: 'the container has no invocation; send the call with its proofs: `encodeContainer([call, ...proofs])`',
      requirement: 'CTN-07',
    }
  }
  return { invocation, delegations: links }
}

/** PRF-13: a delegation that was verified before and not sent. Its key is the hash of the verified bytes. */
function remembered(key: string, caches: ReadingCaches): ChainLink | undefined {
  const link = caches.links.get(key)
  return link === undefined ? undefined : { link, key, unverified: undefined }
}

/**
 * Puts delegations into the order of a list of CIDs. There is no search: the invoker has put the list in order.
 *
 * @param find - gives the delegation of a `digestKey`, when there is one.
 */
export function orderProofs(
  names: readonly CID[],
  find: (key: string) => ChainLink | undefined,
  most: number,
): readonly ChainLink[] | Denial {
  if (names.length > most) {
    return {
      code: 'chain_too_long',
      message: `the invocation names ${names.length} proofs, more than the ${most} allowed`,
      requirement: 'LIM-04',
    }
  }
  const links: ChainLink[] = []
  const missing: CID[] = []
  let at: number | undefined
  for (let index = 0; index < names.length; index++) {
    const cid = names[index] as CID
    const link = find(tokenKey(cid))
    if (link !== undefined) links.push(link)
    else {
      missing.push(cid)
      at ??= index
    }
  }
  if (at === undefined) return links
  return {
    code: 'proof_missing',
    message: `${linkName(at, names.length)} is missing from the container (missing: ${missing.length} of ${names.length}); send all proofs with the call: \`encodeContainer([call, ...proofs])\``,
    at,
    requirement: 'PRF-01',
    missing,
  }
}

/** A token of a container. */
interface ReceivedToken {
  /** The digest of its bytes, as its key or as the back end returned it. */
  readonly digest: string | Uint8Array | Promise<Uint8Array>
  /** Its bytes, which the caller may change if there is a link. */
  readonly bytes: Uint8Array
  /** Its link, if its bytes and their signature are known. */
  readonly link: Link | undefined
}

/**
 * Recognizes the tokens whose signature was verified before, and hashes the others: the name of a token is the hash of
 * the received bytes. It does not wait, so the caller cannot change any bytes in between.
 */
function recognize(
  tokens: readonly Uint8Array[],
  container: string | Uint8Array,
  { backend }: VerificationSettings,
  caches: ReadingCaches,
): readonly ReceivedToken[] {
  const names = tokens.map((token) => caches.tokens.find(token))
  const links = names.map((name) => (name === undefined ? undefined : caches.links.get(name)))
  const own = ownBytes(tokens, container, links)
  return own.map((bytes, index) => {
    const [name, link] = [names[index], links[index]]
    return { digest: name ?? backend.sha256Key?.(bytes) ?? backend.sha256(bytes), bytes, link }
  })
}

/** Copies the tokens without a link if they are views of the caller's bytes: a single one alone, several with the rest. */
function ownBytes(
  tokens: readonly Uint8Array[],
  container: string | Uint8Array,
  links: readonly (Link | undefined)[],
): readonly Uint8Array[] {
  if (typeof container === 'string' || tokens[0]?.buffer !== container.buffer) return tokens
  const isSingle = links.indexOf(undefined) === links.lastIndexOf(undefined)
  if (isSingle) return tokens.map((token, index) => (links[index] === undefined ? new Uint8Array(token) : token))
  const copy = new Uint8Array(container)
  return tokens.map(({ byteOffset, length }) => {
    const start = byteOffset - container.byteOffset
    return copy.subarray(start, start + length)
  })
}

/** The digests of tokens, as keys. Where hashing has to be waited for, all are waited for at once. */
function* keysOf(tokens: readonly ReceivedToken[]): Steps<readonly string[]> {
  const digests = tokens.map(({ digest }) => digest)
  const hashed = digests.some(isPromiseLike) ? yield* wait(Promise.all(digests)) : digests
  return hashed.map((digest) => (typeof digest === 'string' ? digest : digestKey(digest as Uint8Array)))
}

function* readLink(
  envelope: Envelope,
  key: string,
  lenient: boolean,
  settings: VerificationSettings,
  caches: ReadingCaches,
): Steps<Link> {
  const { payload } = envelope
  const fields = readDelegationFields(payload, lenient, caches, (policy) =>
    caches.policies.compile(fieldBytes(envelope, 'pol'), policy),
  )
  const twin = yield* twinName(envelope, settings)
  // Built without spreads: many links are kept, and an object that was spread takes more memory.
  const link: { -readonly [Key in keyof Link]: Link[Key] } = {
    issuer: fields.issuer,
    audience: fields.audience,
    subject: fields.subject,
    command: fields.command,
    policy: fields.policy,
    expiration: fields.expiration,
    name: cidOfKey(key).toString(),
  }
  if (fields.notBefore !== undefined) link.notBefore = fields.notBefore
  if (twin !== undefined) link.twin = twin
  const weight = linkWeight(envelope.signed.length)
  if (weight > 1) link.weight = weight
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
  return cidOf(yield* wait(settings.backend.sha256(bytes))).toString()
}
