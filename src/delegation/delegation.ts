import type { CID } from 'multiformats/cid'
import type { Command } from '../capability/command.ts'
import type { Policy } from '../capability/policy/statement.ts'
import type { Subject } from '../capability/subject.ts'
import type { Did } from '../did/did.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import type { TokenVersion } from '../envelope/payload-tag.ts'
import type { IpldMap } from '../ipld/value.ts'
import type { Never, Timestamp } from '../time.ts'

/** What a delegation says: who passes which authority on to whom, and for how long (UCAN Delegation 1.0.0). */
export interface DelegationFields {
  /** Who signs: passes authority on. Wire name `iss`. */
  readonly issuer: Did
  /** Who receives it. Wire name `aud`. */
  readonly audience: Did
  /** Whose authority it is; `anySubject` when it is whatever the issuer was given ("powerline"). Wire name `sub`. */
  readonly subject: Subject
  /** What may be invoked: this command and all below it. Wire name `cmd`. */
  readonly command: Command
  /** What the arguments of an invocation must satisfy; every statement. Wire name `pol`. */
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

/** A delegation: its fields, and the bytes that were signed and sent. Decoded is not verified. */
export interface Delegation extends DelegationFields {
  /** Tells it from an invocation. */
  readonly kind: 'delegation'
  /** Version of the format it is written in. */
  readonly version: TokenVersion
  /** How it is signed. */
  readonly algorithm: SignatureAlgorithm
  /** Its name: the CID computed from `bytes`. */
  readonly cid: CID
  /** The whole envelope as on the wire. */
  readonly bytes: Uint8Array
}
