import type { CID } from 'multiformats/cid'
import type { Did } from '../did/did.ts'
import type { IpldMap } from '../ipld/value.ts'
import { lazy } from '../support/lazy.ts'
import type { Never, Timestamp } from '../time.ts'
import type { NamedToken } from './open-archive.ts'

/** One entry of `att`, as written. */
export interface UcantoCapability {
  readonly can: string
  readonly with: string
  /** Conditions of a delegation, arguments of an invocation; empty when absent. */
  readonly nb: IpldMap
}

/**
 * A token of UCAN 0.9.1 with the proofs that come along. It is data, read and not verified. The format does not tell
 * delegations and invocations apart: what is sent to a service is an invocation.
 */
export interface UcantoToken {
  /** Version of the format. */
  readonly version: '0.9.1'
  readonly issuer: Did
  readonly audience: Did
  readonly capabilities: readonly UcantoCapability[]
  /** First second of validity. */
  readonly notBefore?: Timestamp
  /** Last second of validity, or `never`. */
  readonly expiration: Timestamp | Never
  /** Makes the token unique. */
  readonly nonce?: string
  /** Signed notes that carry no authority. */
  readonly facts: readonly IpldMap[]
  /** The tokens it names as proofs, whether they came along or not. */
  readonly proofs: readonly CID[]
  /** Its name, computed from `bytes`. */
  readonly cid: CID
  /** The token itself, without its proofs. */
  readonly bytes: Uint8Array
  /** False when the issuer is absent and did not sign: an attestation has to stand for the signature. */
  readonly isSigned: boolean
  /** The proofs that came along, and theirs, by the text of their CID: what `proofs` lead to, and no other token. */
  readonly included: ReadonlyMap<string, UcantoToken>
  /**
   * Blocks of DAG-CBOR that came along because this token links to them, by the text of their CID, which is the hash of
   * the bytes. They are neither read nor signed for beyond that. Proofs have none: they are the business of whoever sends.
   */
  readonly attached: ReadonlyMap<string, Uint8Array>
}

const none: ReadonlyMap<string, Uint8Array> = new Map()

/**
 * Makes the public form of an opened token.
 *
 * @param included - gives the proofs that came along; asked when somebody looks, as each token has a table of its own.
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
