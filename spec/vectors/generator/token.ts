/**
 * Tokens, right or wrong, signed byte by byte.
 *
 * @module
 */

import { base32 } from 'multiformats/bases/base32'
import { concat, encode, link, type Raw, type Value } from './cbor.ts'
import { owner, type Principal, service, sha256, varsigOf } from './principals.ts'

/** The moment of the vectors: 2027-01-15T08:00:00Z. */
export const time = 1_800_000_000

/** A token, and its derived values. */
export interface Token {
  readonly bytes: Uint8Array
  /** The second element of the envelope: what was signed. */
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

/** The options of every token. Fields that are `undefined` are omitted, others are added to the fields of the kind. */
export interface Draft {
  readonly fields?: Readonly<Record<string, Value | undefined>>
  /** Default: the tag of the kind in version 1.0.0. */
  readonly tag?: string
  /** Default: the header of the signer's algorithm. */
  readonly header?: Value
  /** Default: the issuer. */
  readonly signer?: Principal
  /** In place of the map of `h` and payload; what is signed. */
  readonly body?: (header: Value, payload: Value) => Value
  /** In place of the signer's signature. */
  readonly signature?: (signed: Uint8Array) => Uint8Array
}

/** The contents of a delegation. */
export interface DelegationDraft extends Draft {
  readonly from: Principal
  readonly to: { readonly did: string }
  /** Default: the owner; `null` for any. */
  readonly sub?: { readonly did: string } | null
  /** Default `/mail`. */
  readonly cmd?: string
  /** Default: none. */
  readonly pol?: Value
  /** Default: an hour from {@link time}. */
  readonly exp?: Value
}

/** The contents of an invocation. */
export interface InvocationDraft extends Draft {
  readonly by: Principal
  /** Default: the owner. */
  readonly sub?: { readonly did: string }
  /** Default: the service. */
  readonly aud?: { readonly did: string }
  /** Default `/mail/send`. */
  readonly cmd?: string
  /** Default `{ "to": "bob@example.com" }`. */
  readonly args?: Value
  /** Default: none. */
  readonly prf?: readonly Token[]
  /** Default: a minute from {@link time}. */
  readonly exp?: Value
  /** Default: 12 bytes, always the same. */
  readonly nonce?: Uint8Array
}

/** Writes a delegation. */
export function delegation(draft: DelegationDraft): Token {
  const { from, to, sub = owner, cmd = '/mail', pol = [], exp = time + 3_600 } = draft
  return token('ucan/dlg@1.0.0', from, draft, {
    iss: from.did,
    aud: to.did,
    sub: sub === null ? null : sub.did,
    cmd,
    pol,
    nonce: nonceOf('delegation'),
    exp,
  })
}

/** Writes an invocation. */
export function invocation(draft: InvocationDraft): Token {
  const { by, sub = owner, aud = service, cmd = '/mail/send', prf = [], exp = time + 60 } = draft
  return token('ucan/inv@1.0.0', by, draft, {
    iss: by.did,
    sub: sub.did,
    aud: aud.did,
    cmd,
    args: draft.args ?? { to: 'bob@example.com' },
    prf: prf.map(linkTo),
    nonce: draft.nonce ?? nonceOf('invocation'),
    exp,
  })
}

/** Puts a signature before what it signs. */
export function envelope(signature: Value, signed: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(0x82), encode(signature), signed])
}

/** The 36 bytes of the CID that names bytes: version 1, dag-cbor, sha2-256. */
export function cidOf(bytes: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(0x01, 0x71, 0x12, 0x20), sha256(bytes)])
}

/** The text of a CID in lower-case base32. */
export function cidText(token: Token): string {
  return base32.encode(cidOf(token.bytes))
}

/** A link to a token. */
export function linkTo(token: Token): Raw {
  return link(cidOf(token.bytes))
}

/** Twelve bytes that look random. */
export function nonceOf(name: string): Uint8Array {
  return sha256(new TextEncoder().encode(`procura vectors nonce ${name}`)).slice(0, 12)
}

function token(kind: string, issuer: Principal, draft: Draft, standard: Readonly<Record<string, Value>>): Token {
  const { signer = issuer, tag = kind, header = varsigOf(signer.algorithm) } = draft
  const payload: Record<string, Value> = {}
  for (const [name, value] of Object.entries({ ...standard, ...draft.fields })) {
    if (value !== undefined) payload[name] = value
  }
  const signed = encode(draft.body === undefined ? { h: header, [tag]: payload } : draft.body(header, payload))
  const signature = draft.signature === undefined ? signer.sign(signed) : draft.signature(signed)
  return { bytes: envelope(signature, signed), signed, signature }
}
