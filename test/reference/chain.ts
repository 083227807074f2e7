/**
 * The question "may this call be made?" a second time. It checks every rule and collects all that are broken, in no
 * order and with no thought for cost; `src/` stops at the first. The two agree when both allow, or when both refuse and
 * the reason that `src/` gives is among those collected here. It shares no code with `src/`.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { decodeStrict, encodeCanonical } from './cbor.ts'
import { headerAlgorithm, isOnCurve, parseDidKey, type ReferenceKey, twinSignature, verifySignature } from './keys.ts'
import { evaluatePolicy, hasUnknownOperator, isPolicy } from './policy.ts'

/** Why a call is refused; the same words as the library's denial codes. */
export type Reason =
  | 'malformed'
  | 'unsupported'
  | 'too_large'
  | 'chain_too_long'
  | 'invocation_missing'
  | 'invocation_ambiguous'
  | 'proof_missing'
  | 'not_yet_valid'
  | 'expired'
  | 'lifetime_too_long'
  | 'nonce_too_short'
  | 'audience_mismatch'
  | 'principal_misaligned'
  | 'subject_misaligned'
  | 'root_not_subject'
  | 'subject_not_accepted'
  | 'command_not_covered'
  | 'command_unknown'
  | 'signature_invalid'
  | 'key_unresolved'
  | 'policy_unsatisfied'
  | 'revoked'
  | 'replayed'

/** A container's tokens and everything the verdict depends on. Times are whole seconds. */
export interface ReferenceQuestion {
  readonly tokens: readonly Uint8Array[]
  /** The DID of the executor. */
  readonly audience: string
  readonly subjects: readonly string[] | 'any'
  readonly commands: readonly string[] | 'any'
  readonly now: number
  /** Default 60. */
  readonly skew?: number
  /** Longest life of an invocation that is left; default 300, `'never'` to allow a call without an end. */
  readonly maxLifetime?: number | 'never'
  /** Shortest nonce of an invocation; default 12. */
  readonly minNonce?: number
  readonly revoked?: readonly Revocation[]
  /** Replay keys ({@link replayKey}) already claimed. */
  readonly seen?: ReadonlySet<string>
  /** Reads the tags of 1.0.0-rc.1 too. */
  readonly releaseCandidate?: boolean
  /** Reads `aud` equal to `sub` and an empty `meta` in 1.0.0 too. */
  readonly lenient?: boolean
}

/** A CID of a delegation (base32 text) or the DID of a principal, and its revoker; the operator by default. */
export interface Revocation {
  readonly id: string
  readonly revoker?: string
}

/** The answer, and every rule that is broken. */
export interface ReferenceVerdict {
  readonly allowed: boolean
  readonly reasons: ReadonlySet<Reason>
}

type Fields = { readonly [key: string]: unknown }

interface Token {
  readonly kind: 'delegation' | 'invocation'
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
  readonly header: Uint8Array
  readonly signedBytes: Uint8Array
  readonly fields: Fields
}

const limits = { tokenBytes: 65_536, tokens: 64, chain: 16, didCharacters: 128, nonceBytes: 64 } as const

const delegationKeys = { required: ['iss', 'aud', 'sub', 'cmd', 'pol', 'nonce', 'exp'], optional: ['meta', 'nbf'] }
const invocationKeys = {
  required: ['iss', 'sub', 'cmd', 'args', 'prf', 'nonce', 'exp'],
  optional: ['aud', 'cause', 'iat', 'meta', 'nbf'],
}

/** Answers the question, with every broken rule named. */
export function referenceAuthorize(question: ReferenceQuestion): ReferenceVerdict {
  const reasons = new Set<Reason>()
  if (question.tokens.length > limits.tokens) reasons.add('too_large')
  const tokens: Token[] = []
  for (const bytes of question.tokens) {
    const token = readToken(bytes, question, reasons)
    if (token !== undefined) tokens.push(token)
  }
  const invocations = tokens.filter((token) => token.kind === 'invocation')
  // Unreadable tokens are not missing.
  if (invocations.length === 0 && tokens.length === question.tokens.length) reasons.add('invocation_missing')
  if (question.tokens.filter(isTaggedInvocation).length > 1) reasons.add('invocation_ambiguous')
  const invocation = invocations[0]
  if (invocation !== undefined) {
    const delegations = new Map(
      tokens.filter((token) => token.kind === 'delegation').map((token) => [cidOf(token.bytes), token]),
    )
    const proofs = (invocation.fields.prf as CID[]).map((cid) => delegations.get(cid.toString()))
    const present = new Set(question.tokens.map(cidOf))
    if ((invocation.fields['prf'] as CID[]).some((cid) => !present.has(cid.toString()))) reasons.add('proof_missing')
    if (proofs.length > limits.chain) reasons.add('chain_too_long')
    for (const reason of chainReasons(proofs, invocation, question)) reasons.add(reason)
  }
  return { allowed: reasons.size === 0, reasons }
}

/** The CID of a token, base32 text. */
export function cidOf(bytes: Uint8Array): string {
  return CID.createV1(0x71, Digest.create(0x12, createHash('sha256').update(bytes).digest())).toString()
}

/** The key of a replay: the hash of the signed part, so that the two signatures of ECDSA are one call. */
export function replayKey(invocation: Uint8Array): string {
  return createHash('sha256').update(signedPart(invocation)).digest('hex')
}

/** The same token with the other ECDSA signature; `undefined` when its algorithm has only one. */
export function twinOf(bytes: Uint8Array): Uint8Array | undefined {
  const envelope = decodeStrict(bytes)?.value
  const [signature, signed] = Array.isArray(envelope) ? (envelope as unknown[]) : []
  if (!(signature instanceof Uint8Array) || signature.length !== 64) return undefined
  const algorithm = isMap(signed) && signed['h'] instanceof Uint8Array ? headerAlgorithm(signed['h']) : undefined
  if (algorithm !== 'ES256' && algorithm !== 'ES256K') return undefined
  const twin = encodeCanonical(twinSignature(algorithm, signature))
  return Uint8Array.from([0x82, ...twin, ...signedPart(bytes)])
}

// An envelope is 0x82, then a byte string of less than 2^16 bytes, then the signed part.
function signedPart(bytes: Uint8Array): Uint8Array {
  const short = (bytes[1] as number) & 0x1f
  if (short < 24) return bytes.slice(2 + short)
  if (short === 24) return bytes.slice(3 + (bytes[2] as number))
  return bytes.slice(4 + (bytes[2] as number) * 256 + (bytes[3] as number))
}

// Gives the token when it can be looked into; every reason not to take it is collected.
function readToken(bytes: Uint8Array, question: ReferenceQuestion, reasons: Set<Reason>): Token | undefined {
  if (bytes.length > limits.tokenBytes) reasons.add('too_large')
  const envelope = decodeStrict(bytes)?.value
  const [signature, signed] = Array.isArray(envelope) && envelope.length === 2 ? (envelope as unknown[]) : []
  const keys = isMap(signed) ? Object.keys(signed) : []
  const tag = keys.find((key) => key !== 'h')
  const header = isMap(signed) ? signed['h'] : undefined
  if (!(signature instanceof Uint8Array) || !isMap(signed) || !(header instanceof Uint8Array) || tag === undefined) {
    reasons.add('malformed')
    return undefined
  }
  const fields = signed[tag]
  // A signature of the wrong length is both malformed and invalid; either reason is right.
  if (signature.length !== 64 || keys.length !== 2 || !isMap(fields)) reasons.add('malformed')
  const kind = readTag(tag, question)
  if (kind === undefined || headerAlgorithm(header) === undefined) reasons.add('unsupported')
  if (kind === undefined || keys.length !== 2 || !isMap(fields)) return undefined
  const strictForm = tag.endsWith('@1.0.0') && question.lenient !== true
  const faults = fieldReasons(kind, fields, strictForm)
  for (const reason of faults) reasons.add(reason)
  return faults.length > 0 ? undefined : { kind, bytes, signature, header, signedBytes: signedPart(bytes), fields }
}

function fieldReasons(kind: Token['kind'], fields: Fields, strictForm: boolean): readonly Reason[] {
  const schema = kind === 'delegation' ? delegationKeys : invocationKeys
  const good = kind === 'delegation' ? isDelegation(fields, strictForm) : isInvocation(fields, strictForm)
  if (good && hasExactlyTheKeys(fields, schema)) return []
  const unknown = hasUnknownOperator(fields['pol']) || hasUnknownKey(fields)
  return [
    'malformed',
    ...(unknown ? (['unsupported'] as const) : []),
    ...(didTooLong(fields) ? (['too_large'] as const) : []),
  ]
}

// Also of an invocation whose payload is spoilt: two of them are too many either way.
function isTaggedInvocation(bytes: Uint8Array): boolean {
  const envelope = decodeStrict(bytes)?.value
  return (
    Array.isArray(envelope) && isMap(envelope[1]) && Object.keys(envelope[1]).some((key) => key.startsWith('ucan/inv@'))
  )
}

function readTag(tag: string, question: ReferenceQuestion): Token['kind'] | undefined {
  const versions = question.releaseCandidate === true ? ['1.0.0', '1.0.0-rc.1'] : ['1.0.0']
  if (versions.some((version) => tag === `ucan/dlg@${version}`)) return 'delegation'
  if (versions.some((version) => tag === `ucan/inv@${version}`)) return 'invocation'
  return undefined
}

function hasExactlyTheKeys(fields: Fields, schema: { required: string[]; optional: string[] }): boolean {
  return (
    schema.required.every((key) => Object.hasOwn(fields, key)) &&
    Object.keys(fields).every((key) => schema.required.includes(key) || schema.optional.includes(key))
  )
}

function isDelegation(fields: Fields, strictForm: boolean): boolean {
  return (
    isCommon(fields, strictForm) &&
    isDid(fields.aud) &&
    (fields.sub === null || isDid(fields.sub)) &&
    isPolicy(fields.pol)
  )
}

function isInvocation(fields: Fields, strictForm: boolean): boolean {
  if (strictForm && fields.aud === fields.sub) return false
  return (
    isCommon(fields, strictForm) &&
    isDid(fields.sub) &&
    (fields.aud === undefined || isDid(fields.aud)) &&
    isMap(fields.args) &&
    Array.isArray(fields.prf) &&
    fields.prf.every(isTokenCid) &&
    (fields.cause === undefined || isTokenCid(fields.cause)) &&
    (fields.iat === undefined || isTime(fields.iat))
  )
}

function isCommon(fields: Fields, strictForm: boolean): boolean {
  const { meta } = fields
  if (meta !== undefined && !isMap(meta)) return false
  if (strictForm && isMap(meta) && Object.keys(meta).length === 0) return false
  return (
    isDid(fields.iss) &&
    isCommand(fields.cmd) &&
    fields.nonce instanceof Uint8Array &&
    fields.nonce.length <= limits.nonceBytes &&
    (fields.exp === null || isTime(fields.exp)) &&
    (fields.nbf === undefined || isTime(fields.nbf))
  )
}

// A did:key must be canonical and hold a good key; another method is only looked at for its form.
function isDid(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > limits.didCharacters) return false
  if (value.startsWith('did:key:')) return typeof parseDidKey(value) === 'object'
  return /^did:[a-z0-9]+:([A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})+$/.test(value) && !value.endsWith(':')
}

function hasUnknownKey(fields: Fields): boolean {
  return [fields.iss, fields.aud, fields.sub].some(
    (value) => typeof value === 'string' && value.length <= limits.didCharacters && parseDidKey(value) === 'unknown',
  )
}

function didTooLong(fields: Fields): boolean {
  return [fields.iss, fields.aud, fields.sub].some(
    (value) => typeof value === 'string' && value.length > limits.didCharacters,
  )
}

function isCommand(value: unknown): value is string {
  return typeof value === 'string' && /^(\/|(\/[a-z0-9_-]+)+)$/.test(value) && !value.endsWith('\n')
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isTokenCid(value: unknown): boolean {
  return value instanceof CID && value.version === 1 && value.code === 0x71 && isSha256(value)
}

function isSha256(cid: CID): boolean {
  return cid.multihash.code === 0x12 && cid.multihash.size === 32
}

function isMap(value: unknown): value is Fields {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof CID)
  )
}

/** The rules over the chain, each looked at by itself; a missing proof leaves a hole that breaks no further rule. */
function* chainReasons(
  proofs: readonly (Token | undefined)[],
  invocation: Token,
  question: ReferenceQuestion,
): Generator<Reason> {
  const { fields } = invocation
  const skew = question.skew ?? 60
  const links = [...proofs, invocation]

  for (const link of links) {
    if (link === undefined) continue
    const nbf = link.fields.nbf as number | undefined
    const exp = link.fields.exp as number | null
    if (nbf !== undefined && question.now < nbf - skew) yield 'not_yet_valid'
    if (exp !== null && question.now > exp + skew) yield 'expired'
    const key = parseDidKey(link.fields.iss as string)
    if (key === undefined || key === 'unknown' || !isOnCurve(key)) yield 'key_unresolved'
    else if (headerAlgorithm(link.header) !== key.algorithm) yield 'signature_invalid'
    else if (!isSignedBy(key, link)) yield 'signature_invalid'
  }

  const maxLifetime = question.maxLifetime ?? 300
  if (maxLifetime !== 'never') {
    const exp = fields.exp as number | null
    if (exp === null || exp - question.now > maxLifetime + skew) yield 'lifetime_too_long'
  }
  if ((fields.nonce as Uint8Array).length < (question.minNonce ?? 12)) yield 'nonce_too_short'

  if ((fields.aud ?? fields.sub) !== question.audience) yield 'audience_mismatch'
  if (question.subjects !== 'any' && !question.subjects.includes(fields.sub as string)) yield 'subject_not_accepted'
  if (question.commands !== 'any' && !question.commands.includes(fields.cmd as string)) yield 'command_unknown'

  const root = proofs[0]
  if (proofs.length === 0 && fields.iss !== fields.sub) yield 'root_not_subject'
  if (root !== undefined && root.fields.sub !== root.fields.iss) yield 'root_not_subject'

  for (const [index, proof] of proofs.entries()) {
    if (proof === undefined) continue
    const next = links[index + 1]
    if (next !== undefined && proof.fields.aud !== next.fields.iss) yield 'principal_misaligned'
    if (next !== undefined && !covers(proof.fields.cmd as string, next.fields.cmd as string)) {
      yield 'command_not_covered'
    }
    if (proof.fields.sub !== null && proof.fields.sub !== fields.sub) yield 'subject_misaligned'
    if (evaluatePolicy(proof.fields.pol, fields.args) !== true) yield 'policy_unsatisfied'
  }

  for (const { id, revoker } of question.revoked ?? []) {
    if (links.some((link) => link?.fields.iss === id)) yield 'revoked'
    for (const [index, proof] of proofs.entries()) {
      if (proof === undefined) continue
      const twin = twinOf(proof.bytes)
      const names = [cidOf(proof.bytes), ...(twin === undefined ? [] : [cidOf(twin)])]
      const above = proofs.slice(0, index + 1)
      const mayRevoke = revoker === undefined || above.some((other) => other?.fields.iss === revoker)
      if (names.includes(id) && mayRevoke) yield 'revoked'
    }
  }
  if (question.seen?.has(replayKey(invocation.bytes))) yield 'replayed'
}

/** Answers about signatures: the same tokens come in many questions, and an answer costs milliseconds. */
const verified = new Map<string, boolean>()

function isSignedBy(key: ReferenceKey, { signature, signedBytes }: Token): boolean {
  const parts = [Buffer.from(key.algorithm), key.bytes, signature, signedBytes]
  const name = parts.map((part) => Buffer.from(part).toString('base64')).join()
  let answer = verified.get(name)
  if (answer === undefined) {
    answer = verifySignature(key, signature, signedBytes)
    if (verified.size >= 5_000) verified.clear()
    verified.set(name, answer)
  }
  return answer
}

/** Command `/a` covers `/a` and `/a/b`, by segment; `/` covers all. */
export function covers(wider: string, narrower: string): boolean {
  const have = wider.split('/').filter((segment) => segment !== '')
  const want = narrower.split('/').filter((segment) => segment !== '')
  return have.every((segment, index) => want[index] === segment)
}
