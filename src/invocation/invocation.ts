import type { CID } from 'multiformats/cid'
import type { Command } from '../capability/command.ts'
import type { Did } from '../did/did.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import type { TokenVersion } from '../envelope/payload-tag.ts'
import type { IpldMap } from '../ipld/value.ts'
import type { Never, Timestamp } from '../time.ts'

/** What an invocation says: who asks whom to do what, and by which proofs (UCAN Invocation 1.0.0). */
export interface InvocationFields {
  /** Who signs: the invoker. Wire name `iss`. */
  readonly issuer: Did
  /** Whose authority is used. Wire name `sub`. */
  readonly subject: Did
  /** Who is to execute it; the subject itself when absent. Wire name `aud`. */
  readonly audience?: Did
  /** What to do. Wire name `cmd`. */
  readonly command: Command
  /** With which arguments. Wire name `args`. */
  readonly args: IpldMap
  /** The delegations that prove it, root first. Wire name `prf`. */
  readonly proofs: readonly CID[]
  /** Makes the invocation unique; empty for idempotent tasks. */
  readonly nonce: Uint8Array
  /** First second of validity. Not in the invocation specification; read and obeyed, never written. */
  readonly notBefore?: Timestamp
  /** Last second of validity. Wire name `exp`. */
  readonly expiration: Timestamp | Never
  /** When the invoker says it was made; a claim, not trusted. Wire name `iat`. */
  readonly issuedAt?: Timestamp
  /** The receipt that asked for it. */
  readonly cause?: CID
  /** Signed notes that carry no authority. */
  readonly meta?: IpldMap
}

/** An invocation: its fields, and the bytes that were signed and sent. Decoded is not verified. */
export interface Invocation extends InvocationFields {
  /** Tells it from a delegation. */
  readonly kind: 'invocation'
  /** Version of the format it is written in. */
  readonly version: TokenVersion
  /** How it is signed. */
  readonly algorithm: SignatureAlgorithm
  /** Its name: the CID computed from `bytes`. */
  readonly cid: CID
  /** The CID of the task: subject, command, arguments and nonce. Receipts refer to it. */
  readonly task: CID
  /** The whole envelope as on the wire. */
  readonly bytes: Uint8Array
}
