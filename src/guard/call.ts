import type { Authorization } from '../core/authorization/authorization.ts'
import type { Command } from '../core/capability/command.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import type { Did } from '../core/did/did.ts'
import { cidText } from '../core/ipld/cid-text.ts'
import { type LazyDeadline, signalOf } from '../support/lazy-deadline.ts'
import { withLazySignal } from '../support/lazy-signal.ts'
import type { Lease, UseRequest } from '../vault/vault.ts'
import type { RecordedIntent } from './audit-trail.ts'
import type { GuardedCommand } from './command.ts'
import type { UndecidedFacts } from './denial-log.ts'
import type { CallHold } from './hold.ts'

/** An allowed call, and the handler for it. */
export interface AllowedCall<Args, T> {
  readonly authorization: Authorization
  readonly command: GuardedCommand
  readonly handler: Handler<Args, T>
  /** How current the revocations were with which it was allowed, and the claims of its caller. */
  readonly age: UndecidedFacts | undefined
  /** Its reservation of the limits of its chain. */
  readonly hold: CallHold | undefined
  /** Writes its chain into the ledger of the guard. */
  readonly record: (() => Promise<void>) | undefined
  /** The signal of the caller. */
  readonly signal: AbortSignal | undefined
}

/** An allowed call whose intent is on record. */
export interface GuardedRun<Args, T> extends AllowedCall<Args, T> {
  readonly intent: RecordedIntent
  /** Called when the outcome was recorded, or could not be. */
  readonly onRecorded: () => void
}

/** The upstream request of a handler. Headers whose names suggest authority are dropped. */
export type UpstreamRequest = Pick<UseRequest, 'method' | 'headers' | 'body' | 'redirect'>

/**
 * Has no value. Without it, `is` would narrow a call to `never` after a test for another command with similar
 * arguments.
 */
declare const asked: unique symbol

/** An authorized call, the argument of a handler. */
export interface GuardedCall<Args = unknown> {
  /** The command. */
  readonly command: Command
  /** The arguments: as signed, checked against the definition, deeply frozen except for byte strings. */
  readonly args: Args
  /** DID of the owner of the authority, and of the data that the call concerns. */
  readonly subject: Did
  /** The DID of the service to which the call is addressed. */
  readonly audience: Did
  /** DID of the caller. */
  readonly invoker: Did
  /** The path of authority: the issuer of the root delegation, each delegate, the invoker last. */
  readonly principals: readonly Did[]
  /**
   * The CID of the task: the same for each repetition of a call with its nonce, command, subject and arguments. A
   * handler of an `idempotent` command knows a repetition by it, such as with an `Idempotency-Key` for its upstream.
   */
  readonly task: string
  /**
   * Aborted when the caller gives up, the handler exceeds its deadline, or the guard has closed. It is made when it is
   * read first, by name or in a copy of the call.
   */
  readonly signal: AbortSignal
  /**
   * Sends one upstream request with the credential of the command, which the handler does not see. A call has one
   * request, or as many as `requests` of its command; each is checked again and recorded. The handler must wait for it,
   * and must read the body of the response, or return the response or its body (also in an array or an object). The
   * rest is aborted when the handler has ended.
   *
   * Rejects with `AuditError` when the release could not be recorded, with `VaultError`, and with the reason of the
   * signal.
   */
  fetch(url: string | URL, request?: UpstreamRequest): Promise<Response>
  /**
   * Leases the credential of the command, for upstreams that are not reached over HTTP. It is returned when the handler
   * has ended. Rejects as `fetch` does.
   */
  lease(): Promise<Lease>
  /** Returns whether the call is of this command; its arguments then have that type. */
  is<Other>(definition: CommandDefinition<Other>): this is GuardedCall<Other> & { readonly [asked]: true }
}

/** Executes an authorized call. The `code` of an error that it throws is recorded, and the error is thrown on. */
export type Handler<Args, T> = (call: GuardedCall<Args>) => T | Promise<T>

/** The parts of a call. */
export interface CallParts {
  readonly authorization: Authorization
  /** The deadline of the handler. */
  readonly deadline: LazyDeadline
  readonly fetch: GuardedCall['fetch']
  readonly lease: GuardedCall['lease']
}

/** Makes the argument of a handler. It does not contain the authorization. */
export function createCall<Args>({ authorization, deadline, fetch, lease }: CallParts): GuardedCall<Args> {
  const { command, args, subject, audience, invoker, principals } = authorization
  const call = {
    command,
    args: args as Args,
    subject,
    audience,
    invoker,
    principals,
    // Not a getter: see withLazySignal. The intent that was recorded has computed the digest.
    task: cidText(authorization.task),
    fetch,
    lease,
    is: (definition: CommandDefinition) => definition.command === command,
  }
  return Object.freeze(withLazySignal(call, () => signalOf(deadline))) as GuardedCall<Args>
}
