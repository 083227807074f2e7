import type { CID } from 'multiformats/cid'
import type { Never, Timestamp } from '../../time.ts'
import type { Command } from '../capability/command.ts'
import type { Did } from '../did/did.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import type { TokenVersion } from '../envelope/payload-tag.ts'
import type { IpldMap } from '../ipld/value.ts'

/** The fields of an invocation: who requests what from whom, with which proofs (UCAN Invocation 1.0.0). */
export interface InvocationFields {
  /** The invoker, who signs. Wire name `iss`. */
  readonly issuer: Did
  /** The owner of the authority that is used. Wire name `sub`. */
  readonly subject: Did
  /** The service that executes it; the subject itself when absent. Wire name `aud`. */
  readonly audience?: Did
  /** The command. Wire name `cmd`. */
  readonly command: Command
  /** The arguments. Wire name `args`. */
  readonly args: IpldMap
  /** The delegations that prove it, root first. Wire name `prf`. */
  readonly proofs: readonly CID[]
  /** Makes the invocation unique; empty for idempotent tasks. */
  readonly nonce: Uint8Array
  /** First second of validity. Not in the invocation specification; read and enforced, never written. */
  readonly notBefore?: Timestamp
  /** Last second of validity. Wire name `exp`. */
  readonly expiration: Timestamp | Never
  /** The time at which it was made, as the invoker claims; not trusted. Wire name `iat`. */
  readonly issuedAt?: Timestamp
  /** The receipt that requested it. */
  readonly cause?: CID
  /** Signed notes that carry no authority. */
  readonly meta?: IpldMap
}

/** An invocation: its fields, and the bytes as signed and sent. A decoded invocation is not verified. */
export interface Invocation extends InvocationFields {
  /** Distinguishes it from a delegation. */
  readonly kind: 'invocation'
  /** Version of its format. */
  readonly version: TokenVersion
  /** The algorithm of its signature. */
  readonly algorithm: SignatureAlgorithm
  /** Its name: the CID computed from `bytes`. */
  readonly cid: CID
  /** The CID of the task: subject, command, arguments and nonce. Receipts refer to it. */
  readonly task: CID
  /** The whole envelope as on the wire. */
  readonly bytes: Uint8Array
}
