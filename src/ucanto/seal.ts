/**
 * Signs tokens of UCAN 0.9.1, with `@ucanto/core`, an optional peer, and a signer of this library.
 *
 * @module
 */

import type { UCAN } from '@ucanto/core'
import { backend } from '#backend'
import { defaultBounds } from '../bounds.ts'
import { type Did, parseDid } from '../core/did/did.ts'
import { cidOf } from '../core/ipld/cid.ts'
import { decodeCbor } from '../core/ipld/decode.ts'
import { encodeCbor } from '../core/ipld/encode.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import { signWith } from '../core/principal/checked-signature.ts'
import type { Signer } from '../core/principal/signer.ts'
import { ArgumentError, ProcuraError } from '../errors.ts'
import { type Never, never, type Timestamp } from '../time.ts'
import { loadCore, type UcantoCore } from './core.ts'
import { linksInToken } from './open-archive.ts'
import { type OpenToken, openToken } from './open-token.ts'
import { type AbsentIssuer, isAbsent } from './principal.ts'
import { absentSignatureFrame, algorithmName } from './signature-frame.ts'
import { tokenOf, type UcantoCapability, type UcantoToken } from './token.ts'

/** The contents of a new token. */
export interface TokenDraft {
  readonly issuer: Signer | AbsentIssuer
  readonly audience: string
  readonly capabilities: readonly UcantoCapability[]
  readonly notBefore?: Timestamp
  readonly expiration: Timestamp | Never
  readonly nonce?: string
  readonly facts?: readonly IpldMap[]
  readonly proofs: readonly UcantoToken[]
  readonly attached?: readonly Uint8Array[]
  readonly signal?: AbortSignal | undefined
}

/**
 * Signs a token. The strict reader parses the result, so a token that services refuse for its form is not returned.
 *
 * @throws SigningError when the signer fails.
 * @throws ArgumentError when the contents cannot be written in 0.9.1, the token is too large, or `@ucanto/core` is not
 *   installed.
 */
export async function sealToken(draft: TokenDraft): Promise<UcantoToken> {
  const { issuer, notBefore, expiration, nonce, signal } = draft
  const core = await loadCore()
  // The caller may change its objects while the signer works. Copies keep the signed and the sent contents equal.
  const proofs = [...draft.proofs]
  const facts = (draft.facts ?? []).map(copyMap)
  const attached = (draft.attached ?? []).map((block) => new Uint8Array(block))
  const audience = parseDid(draft.audience)
  const input = {
    issuer: signerOf(issuer, core, signal),
    audience: { did: () => audience },
    capabilities: draft.capabilities.map(({ can, with: resource, nb }) =>
      Object.keys(nb).length === 0 ? { can, with: resource } : { can, with: resource, nb: copyMap(nb) },
    ),
    expiration: expiration === never ? Number.POSITIVE_INFINITY : expiration,
    ...(notBefore === undefined || notBefore === 0 ? {} : { notBefore }),
    ...(nonce !== undefined && { nonce }),
    facts,
    proofs: proofs.map(({ cid }) => cid),
  }
  const { bytes } = await write(input, core)
  if (bytes.length > defaultBounds.tokenBytes) {
    throw new ArgumentError(
      `the token has ${bytes.length} bytes, more than ${defaultBounds.tokenBytes}; shorten its conditions, arguments or meta`,
    )
  }
  const digest = await backend.sha256(bytes)
  const token = openToken(bytes, { bounds: defaultBounds, parseDid })
  const included = includedOf(proofs)
  return tokenOf({ token, cid: cidOf(digest) }, () => included, await attachedTo(token, attached))
}

function copyMap(map: IpldMap): IpldMap {
  return decodeCbor(encodeCbor(map, 'the token')) as IpldMap
}

async function write(input: object, { Delegation }: UcantoCore): Promise<{ readonly bytes: Uint8Array }> {
  try {
    return await Delegation.delegate(input as unknown as Parameters<typeof Delegation.delegate>[0])
  } catch (cause) {
    if (cause instanceof ProcuraError) throw cause
    // For example a resource that is not a URI, or an argument without a form in CBOR.
    throw new ArgumentError('the token cannot be written in 0.9.1; see the cause', { cause })
  }
}

/** The attached blocks by their CID. The token must link to each. */
async function attachedTo(token: OpenToken, blocks: readonly Uint8Array[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const links = new Set(linksInToken(token).map(String))
  const attached = new Map<string, Uint8Array>()
  for (const block of blocks) {
    const name = cidOf(await backend.sha256(block)).toString()
    if (!links.has(name)) throw new ArgumentError(`the token does not link to the attached block ${name}`)
    attached.set(name, block)
  }
  return attached
}

/** The proofs, and the tokens included in them. */
function includedOf(proofs: readonly UcantoToken[]): ReadonlyMap<string, UcantoToken> {
  return new Map(proofs.flatMap((proof) => [...proof.included, [proof.cid.toString(), proof] as const]))
}

/** A signer in the form of `@ucanto/core`. */
interface CoreSigner {
  did(): Did
  readonly signatureAlgorithm: string
  readonly signatureCode: number
  sign(bytes: Uint8Array): Promise<UCAN.SignatureView>
}

function signerOf(
  signer: Signer | AbsentIssuer,
  { Signature }: UcantoCore,
  signal: AbortSignal | undefined,
): CoreSigner {
  if (isAbsent(signer)) {
    const signature = Signature.view(absentSignatureFrame() as never)
    return { did: () => signer.did, signatureAlgorithm: '', signatureCode: signature.code, sign: async () => signature }
  }
  const { alg, code } = algorithmName(signer.algorithm)
  return {
    did: () => signer.did,
    signatureAlgorithm: alg,
    signatureCode: code,
    sign: async (bytes) => Signature.create(code, await sign(signer, bytes, signal)),
  }
}

function sign(signer: Signer, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const { maxMessageBytes = Number.POSITIVE_INFINITY } = signer
  if (bytes.length > maxMessageBytes) {
    throw new ArgumentError(
      `the token has ${bytes.length} bytes to sign, and its signer signs at most ${maxMessageBytes}; shorten the conditions, arguments or meta`,
    )
  }
  return signWith(signer, bytes, signal)
}
