/**
 * Tokens of the usual form, read straight from their bytes. The general reader knows nothing of the form of a token
 * until it has decoded it; this one compares the bytes with those that most tokens have, in a third of the time. It
 * accepts a token only if the general reader reads the same fields of it, and leaves every other token to that reader.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { MalformedError } from '../../../errors.ts'
import { never, type Timestamp } from '../../../time.ts'
import type { Command } from '../../capability/command.ts'
import { anySubject } from '../../capability/subject.ts'
import type { Did } from '../../did/did.ts'
import { payloadTag } from '../../envelope/payload-tag.ts'
import { varsigHeader } from '../../envelope/varsig.ts'
import type { InvocationFields } from '../../invocation/invocation.ts'
import { concatBytes } from '../../ipld/bytes.ts'
import { cidOfKey, wrapTokenCid } from '../../ipld/cid.ts'
import { decodeText, readValue } from '../../ipld/decode.ts'
import { createScanner, major, type Scanner } from '../../ipld/scanner.ts'
import { type IpldMap, isMap } from '../../ipld/value.ts'
import type { CryptoBackend } from '../../principal/backend/backend.ts'
import type { OpenInvocation, SignedBytes } from '../chain.ts'
import { linkOf } from './link-of.ts'
import type {
  LinkFields,
  ReadingSettings,
  ReadUsual,
  ReadUsualLink,
  TokenCaches,
  UsualDelegation,
} from './token-fields.ts'

/** The offsets of the signature, and of the bytes that it signs. */
const signatureAt = 3
const signedAt = 67

/**
 * The length in bytes of the longest token of the usual form. A token that is unusual in its last fields is read twice,
 * so the bound limits the work that it can cause.
 */
const longest = 2048

/** The depth of the fields of a payload: envelope, signed part, payload. */
const payloadDepth = 3

/** The signed part as far as its payload: `{ h: Ed25519, "ucan/…": `. */
function beginning(kind: 'invocation' | 'delegation'): Uint8Array {
  const tag = new TextEncoder().encode(payloadTag(kind))
  const h = varsigHeader('Ed25519')
  return concatBytes([Uint8Array.of(0xa2, 0x61, 0x68, 0x40 + h.length), h, Uint8Array.of(0x60 + tag.length), tag])
}

const invocationBeginning: Uint8Array = /* @__PURE__ */ beginning('invocation')
const delegationBeginning: Uint8Array = /* @__PURE__ */ beginning('delegation')

/** The offset of the payload, which is the same in both kinds. */
const payloadAt: number = /* @__PURE__ */ (() => signedAt + invocationBeginning.length)()

/** The key and the head of a nonce as `delegate` and `invoke` write it. It is the last field of a payload. */
const nonceLength = 12
const nonceHead: Uint8Array = Uint8Array.of(0x65, 0x6e, 0x6f, 0x6e, 0x63, 0x65, 0x40 + nonceLength)

/** The first four bytes of a key with its head, as a number. The last byte of a longer key is compared apart. */
const key = Object.freeze({
  aud: 0x63617564,
  cmd: 0x63636d64,
  exp: 0x63657870,
  iat: 0x63696174,
  iss: 0x63697373,
  pol: 0x63706f6c,
  prf: 0x63707266,
  sub: 0x63737562,
  args: 0x64617267,
})

/** A token with a position. */
interface Cursor {
  readonly bytes: Uint8Array
  readonly caches: TokenCaches
  at: number
  /** Whether the bytes so far have the usual form. Once it is false, no field that was read is valid. */
  isUsual: boolean
}

/** See {@link ReadUsual}. The back end hashes synchronously. */
export const readUsualInvocation: ReadUsual<OpenInvocation> = (bytes, settings, caches) =>
  readUsual(invocationBeginning, readInvocation, bytes, settings, caches)

/** See {@link ReadUsualLink}. */
export const readUsualLink: ReadUsualLink = (bytes, key, settings, caches) => {
  const delegation = readUsualDelegation(bytes, settings, caches)
  if (delegation?.fields.policy.hasLimits !== false) return undefined
  const { fields, envelope } = delegation
  return { link: linkOf(fields, key, undefined, envelope), key, unverified: envelope }
}

/** See {@link ReadUsual}. */
export const readUsualDelegation: ReadUsual<UsualDelegation> = (bytes, settings, caches) =>
  readUsual(delegationBeginning, readDelegation, bytes, settings, caches)

function readUsual<T>(
  beginning: Uint8Array,
  read: (cursor: Cursor, settings: ReadingSettings) => T | undefined,
  bytes: Uint8Array,
  settings: ReadingSettings,
  caches: TokenCaches,
): T | undefined {
  const { limits, accept } = settings
  const isUsual =
    // No item takes less than a byte, so the limit of items cannot be reached.
    bytes.length <= Math.min(longest, limits.tokenBytes, limits.items) &&
    bytes[0] === 0x82 &&
    bytes[1] === 0x58 &&
    bytes[2] === 0x40 &&
    hasAt(bytes, signedAt, beginning) &&
    hasAt(bytes, bytes.length - nonceLength - nonceHead.length, nonceHead) &&
    accept.includes('1.0.0')
  if (!isUsual) return undefined
  try {
    return read({ bytes, caches, at: payloadAt, isUsual: true }, settings)
  } catch (error) {
    // The general reader finds the same fault, or an earlier one.
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

function hasAt(bytes: Uint8Array, start: number, expected: Uint8Array): boolean {
  // From the end, because the kinds of tokens differ there.
  for (let i = expected.length - 1; i >= 0; i--) if (bytes[start + i] !== expected[i]) return false
  return true
}

function readInvocation(cursor: Cursor, settings: ReadingSettings): OpenInvocation | undefined {
  const { bytes } = cursor
  const count = (bytes[cursor.at++] as number) - 0xa0
  const audience = hasKey(cursor, key.aud) ? readDid(cursor) : undefined
  const commandAt = cursor.at
  mustHaveKey(cursor, key.cmd)
  const command = readCommand(cursor)
  const afterCommand = cursor.at
  mustHaveKey(cursor, key.exp)
  const expiration = readTime(cursor)
  const issuedAt = hasKey(cursor, key.iat) ? readTime(cursor) : undefined
  mustHaveKey(cursor, key.iss)
  const issuer = readDid(cursor)
  mustHaveKey(cursor, key.prf)
  const proofs = readLinks(cursor)
  const subjectAt = cursor.at
  mustHaveKey(cursor, key.sub)
  const subject = readDid(cursor)
  mustHaveKey(cursor, key.args)
  if (bytes[cursor.at++] !== 0x73) return undefined
  // The payload has no other field. So most unusual tokens are found before their arguments are read.
  if (count !== 7 + Number(audience !== undefined) + Number(issuedAt !== undefined)) return undefined
  const args = readArgs(cursor, settings)
  if (!isBeforeNonce(cursor) || args === undefined || audience === subject) return undefined
  const fields: { -readonly [Key in keyof InvocationFields]: InvocationFields[Key] } = {
    issuer,
    subject,
    command,
    args,
    proofs,
    nonce: bytes.slice(bytes.length - nonceLength),
    expiration,
  }
  if (audience !== undefined) fields.audience = audience
  if (issuedAt !== undefined) fields.issuedAt = issuedAt
  // A task has the command and the last three fields. The command is written over the end of those between.
  const task = () => {
    const made = bytes.slice(subjectAt - 1 - (afterCommand - commandAt))
    made[0] = 0xa4
    for (let at = commandAt; at < afterCommand; at++) made[1 + at - commandAt] = bytes[at] as number
    return made
  }
  return new UnnamedInvocation(bytes, fields, task, settings.backend)
}

/**
 * An invocation whose name, which no check needs, is computed when it is read. It is a class because an object with a
 * getter of its own takes three times as long to make.
 */
class UnnamedInvocation implements OpenInvocation {
  readonly envelope: SignedBytes
  readonly fields: InvocationFields
  readonly task: () => Uint8Array
  readonly argsFrozen = true
  readonly #bytes: Uint8Array
  readonly #backend: CryptoBackend

  constructor(bytes: Uint8Array, fields: InvocationFields, task: () => Uint8Array, backend: CryptoBackend) {
    this.envelope = envelopeOf(bytes)
    this.fields = fields
    this.task = task
    this.#bytes = bytes
    this.#backend = backend
  }

  get cid(): CID {
    const key = this.#backend.sha256Key?.(this.#bytes)
    if (key === undefined) throw new TypeError('the back end does not hash synchronously')
    return cidOfKey(key)
  }
}

function readDelegation(cursor: Cursor, settings: ReadingSettings): UsualDelegation | undefined {
  const { bytes, caches } = cursor
  // A map of seven fields.
  if (bytes[cursor.at++] !== 0xa7) return undefined
  mustHaveKey(cursor, key.aud)
  const audience = readDid(cursor)
  mustHaveKey(cursor, key.cmd)
  const command = readCommand(cursor)
  mustHaveKey(cursor, key.exp)
  const expiration = isNull(cursor) ? never : readTime(cursor)
  mustHaveKey(cursor, key.iss)
  const issuer = readDid(cursor)
  const policyAt = cursor.at
  mustHaveKey(cursor, key.pol)
  if (!cursor.isUsual) return undefined
  // The pool keeps a frozen copy of its own.
  const scanner = scannerAt(cursor, settings, false)
  const statements = readValue(scanner)
  cursor.at = scanner.position
  const policyEnd = cursor.at
  mustHaveKey(cursor, key.sub)
  const subject = isNull(cursor) ? anySubject : readDid(cursor)
  if (!isBeforeNonce(cursor)) return undefined
  const policy = caches.policies.compile(bytes.subarray(policyAt, policyEnd), statements)
  const fields: LinkFields = { issuer, audience, subject, command, policy, expiration }
  return { envelope: envelopeOf(bytes), fields }
}

function envelopeOf(bytes: Uint8Array): SignedBytes {
  return {
    signature: bytes.subarray(signatureAt, signedAt),
    algorithm: 'Ed25519',
    signed: bytes.subarray(signedAt),
  }
}

/** Passes over a key if it is the next one. */
function hasKey(cursor: Cursor, expected: number): boolean {
  const { bytes, at } = cursor
  const found =
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  if (found !== expected) return false
  cursor.at = at + 4
  return true
}

/** Passes over a key, which must be the next one. */
function mustHaveKey(cursor: Cursor, expected: number): void {
  if (!hasKey(cursor, expected)) cursor.isUsual = false
}

function isNull(cursor: Cursor): boolean {
  if (cursor.bytes[cursor.at] !== 0xf6) return false
  cursor.at += 1
  return true
}

/** Reads a string of at most 255 bytes. */
function readText(cursor: Cursor): string {
  const { bytes } = cursor
  const head = bytes[cursor.at++] as number
  let length = head - 0x60
  if (head === 0x78) {
    length = bytes[cursor.at++] as number
    if (length < 24) cursor.isUsual = false
  } else if (!(length >= 0 && length < 24)) cursor.isUsual = false
  const start = cursor.at
  const end = start + length
  if (!cursor.isUsual || !(end <= bytes.length)) {
    cursor.isUsual = false
    return ''
  }
  cursor.at = end
  return cursor.caches.texts.read(bytes, start, end, decodeText)
}

function readCommand(cursor: Cursor): Command {
  const text = readText(cursor)
  // After a fault the text is empty; the general reader makes the error.
  return cursor.isUsual ? cursor.caches.parseCommand(text) : (text as Command)
}

function readDid(cursor: Cursor): Did {
  const text = readText(cursor)
  return cursor.isUsual ? cursor.caches.parseDid(text) : (text as Did)
}

/** Reads a time that takes 32 bits, as those of 1970-01-01T18:12:16Z to 2106 do. */
function readTime(cursor: Cursor): Timestamp {
  const { bytes, at } = cursor
  const value =
    (bytes[at + 1] as number) * 0x1000000 +
    (((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number))
  cursor.at = at + 5
  // A smaller number has a shorter form.
  if (bytes[at] !== 0x1a || !(value > 0xffff)) cursor.isUsual = false
  return value
}

/** Reads a list of at most 23 links to tokens. */
function readLinks(cursor: Cursor): readonly CID[] {
  const { bytes } = cursor
  const count = (bytes[cursor.at++] as number) - 0x80
  const links: CID[] = []
  if (!(count >= 0 && count < 24)) cursor.isUsual = false
  for (let i = 0; i < count && cursor.isUsual; i++) {
    const { at } = cursor
    // Tag 42, a byte string of 37, a zero byte, and version 1, dag-cbor, sha-256 and 32.
    const isLink =
      bytes[at] === 0xd8 &&
      bytes[at + 1] === 0x2a &&
      bytes[at + 2] === 0x58 &&
      bytes[at + 3] === 0x25 &&
      bytes[at + 4] === 0 &&
      bytes[at + 5] === 1 &&
      bytes[at + 6] === 0x71 &&
      bytes[at + 7] === 0x12 &&
      bytes[at + 8] === 0x20
    cursor.at = at + 41
    if (!isLink || cursor.at > bytes.length) cursor.isUsual = false
    else links.push(wrapTokenCid(bytes.slice(at + 5, cursor.at)))
  }
  return links
}

/** Reads the arguments by the general decoder, and freezes them. */
function readArgs(cursor: Cursor, settings: ReadingSettings): IpldMap | undefined {
  if (!cursor.isUsual || (cursor.bytes[cursor.at] as number) >>> 5 !== major.map) return undefined
  const scanner = scannerAt(cursor, settings, true)
  const args = readValue(scanner)
  cursor.at = scanner.position
  return isMap(args) ? args : undefined
}

/** The general decoder at the value of a field. */
function scannerAt({ bytes, at, caches }: Cursor, { limits }: ReadingSettings, freeze: boolean): Scanner {
  const { tokenBytes, depth, items } = limits
  const scanner = createScanner(
    bytes,
    { bytes: tokenBytes, depth, items, stringBytes: tokenBytes },
    { noteKeysAt: payloadDepth, texts: caches.texts, freeze },
  )
  scanner.position = at
  scanner.depth = payloadDepth
  return scanner
}

/** Whether all fields but the nonce were read, and are usual. */
function isBeforeNonce({ bytes, at, isUsual }: Cursor): boolean {
  return isUsual && at === bytes.length - nonceLength - nonceHead.length
}
