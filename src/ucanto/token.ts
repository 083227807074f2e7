import type { CID } from 'multiformats/cid'
import type { Did } from '../core/did/did.ts'
import type { IpldMap } from '../core/ipld/value.ts'
import type { Never, Timestamp } from '../time.ts'
import { lazy } from './lazy.ts'
import type { NamedToken } from './open-archive.ts'

/** One item of `att`, as written. */
export interface UcantoCapability {
  readonly can: string
  readonly with: string
  /** The conditions of a delegation, or the arguments of an invocation. Empty when absent. */
  readonly nb: IpldMap
}

/**
 * A token of UCAN 0.9.1 with its included proofs. It is data: it was parsed, and not verified. The format does not
 * distinguish delegations and invocations: a token that is sent to a service is an invocation.
 */
export interface UcantoToken {
  /** The version of the format. */
  readonly version: '0.9.1'
  readonly issuer: Did
  readonly audience: Did
  readonly capabilities: readonly UcantoCapability[]
  /** The first second of validity. */
  readonly notBefore?: Timestamp
  /** The last second of validity, or `never`. */
  readonly expiration: Timestamp | Never
  /** Makes the token unique. */
  readonly nonce?: string
  /** Signed information without authority. */
  readonly facts: readonly IpldMap[]
  /** The CIDs of its proofs, included or not. */
  readonly proofs: readonly CID[]
  /** Its CID, computed from `bytes`. */
  readonly cid: CID
  /** The encoded token, without its proofs. */
  readonly bytes: Uint8Array
  /** False when the issuer is absent and did not sign: an attestation must replace the signature. */
  readonly isSigned: boolean
  /** The included tokens of its proof chain, and no other token, by the text of their CID. */
  readonly included: ReadonlyMap<string, UcantoToken>
  /**
   * Blocks of DAG-CBOR to which this token links, by the text of their CID. The hash in the CID was checked; the blocks
   * were not parsed. Only the token that a sender archives has attached blocks, not its proofs.
   */
  readonly attached: ReadonlyMap<string, Uint8Array>
}

const none: ReadonlyMap<string, Uint8Array> = new Map()

/**
 * Makes the public form of an opened token.
 *
 * @param included - makes the table of included proofs. It is called on first access: each token has its own table.
 */
export function tokenOf(
  { token, cid }: Pick<NamedToken, 'token' | 'cid'>,
  included: () => ReadonlyMap<string, UcantoToken>,
  attached: ReadonlyMap<string, Uint8Array> = none,
): UcantoToken {
  const { issuer, audience, capabilities, notBefore, expiration, nonce, facts, proofs, bytes } = token
  const tokens = lazy(included)
  return Object.freeze({
    version: '0.9.1',
    issuer,
    audience,
    capabilities: Object.freeze(capabilities.map(({ can, with: resource, nb }) => ({ can, with: resource, nb }))),
    ...(notBefore !== undefined && { notBefore }),
    expiration,
    ...(nonce !== undefined && { nonce }),
    facts,
    proofs,
    cid,
    bytes,
    isSigned: token.signature !== undefined,
    get included() {
      return tokens()
    },
    attached,
  })
}
