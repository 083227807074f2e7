import type { CID } from 'multiformats/cid'
import type { Never, Timestamp } from '../../time.ts'
import type { Command } from '../capability/command.ts'
import type { Policy } from '../capability/policy/statement.ts'
import type { Subject } from '../capability/subject.ts'
import type { Did } from '../did/did.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import type { TokenVersion } from '../envelope/payload-tag.ts'
import type { IpldMap } from '../ipld/value.ts'

/** The fields of a delegation: the authority, from whom to whom, and for how long (UCAN Delegation 1.0.0). */
export interface DelegationFields {
  /** The principal that passes authority on, and signs. Wire name `iss`. */
  readonly issuer: Did
  /** The principal that receives it. Wire name `aud`. */
  readonly audience: Did
  /** The owner of the authority; `anySubject` for all that the issuer was given ("powerline"). Wire name `sub`. */
  readonly subject: Subject
  /** The command that may be invoked, with all commands below it. Wire name `cmd`. */
  readonly command: Command
  /** The conditions on the arguments of an invocation; all must hold. Wire name `pol`. */
  readonly policy: Policy
  /** First second of validity. Wire name `nbf`. */
  readonly notBefore?: Timestamp
  /** Last second of validity. Wire name `exp`. */
  readonly expiration: Timestamp | Never
  /** Makes the delegation unique. */
  readonly nonce: Uint8Array
  /** Signed notes that carry no authority. */
  readonly meta?: IpldMap
}

/** A delegation: its fields, and the bytes as signed and sent. A decoded delegation is not verified. */
export interface Delegation extends DelegationFields {
  /** Distinguishes it from an invocation. */
  readonly kind: 'delegation'
  /** Version of its format. */
  readonly version: TokenVersion
  /** The algorithm of its signature. */
  readonly algorithm: SignatureAlgorithm
  /** Its name: the CID computed from `bytes`. */
  readonly cid: CID
  /** The whole envelope as on the wire. */
  readonly bytes: Uint8Array
}
