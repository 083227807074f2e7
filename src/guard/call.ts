import type { Authorization } from '../authorization/authorization.ts'
import type { Command } from '../capability/command.ts'
import type { CommandDefinition } from '../capability/definition.ts'
import type { Did } from '../did/did.ts'
import type { Lease, UseRequest } from '../vault/vault.ts'

/** What a handler says of the upstream call it wants made. Headers that carry authority are dropped. */
export type UpstreamRequest = Pick<UseRequest, 'method' | 'headers' | 'body'>

/** Has no value. Without it a call that is not of one command would, by its type, not be of another with like arguments. */
declare const asked: unique symbol

/** An authorized call, as a handler gets it. */
export interface GuardedCall<Args = unknown> {
  /** What was asked. */
  readonly command: Command
  /** With which arguments: exactly as signed, checked against the definition, frozen in depth. */
  readonly args: Args
  /** Whose authority was used: the one whose things are meant. */
  readonly subject: Did
  /** Who made the call. */
  readonly invoker: Did
  /** The path of authority: issuer of the root delegation, each delegate, the invoker last. */
  readonly principals: readonly Did[]
  /** Fires when the caller gave up, when the handler takes too long, and when the guard has waited long enough to close. */
  readonly signal: AbortSignal
  /**
   * Makes one upstream call with the command's credential in it; the handler does not see it. One per call: the
   * authorization counts once. The handler waits for it, and reads the body of the response or returns the response (or its
   * body, also in a list or an object): what is left over is given up when the handler has ended.
   *
   * Rejects with `AuditError` when the release could not be recorded, with `VaultError`, and with the reason of the signal.
   */
  fetch(url: string | URL, request?: UpstreamRequest): Promise<Response>
  /**
   * Takes the command's credential out, for upstreams that are not reached over HTTP. It is given back afterwards. Rejects as
   * `fetch` does.
   */
  lease(): Promise<Lease>
  /** Whether the call is of this command; then its arguments have that type. */
  is<Other>(definition: CommandDefinition<Other>): this is GuardedCall<Other> & { readonly [asked]: true }
}

/** Does what was authorized. What it throws is recorded by its `code` and thrown on. */
export type Handler<Args, T> = (call: GuardedCall<Args>) => T | Promise<T>

/** What the guard makes a call of. */
export interface CallParts {
  readonly authorization: Authorization
  readonly signal: AbortSignal
  readonly fetch: GuardedCall['fetch']
  readonly lease: GuardedCall['lease']
}

/** Makes what a handler gets. The authorization itself stays with the guard. */
export function createCall<Args>({ authorization, signal, fetch, lease }: CallParts): GuardedCall<Args> {
  const { command, args, subject, invoker, principals } = authorization
  return Object.freeze({
    command,
    args: args as Args,
    subject,
    invoker,
    principals,
    signal,
    fetch,
    lease,
    is: (definition: CommandDefinition) => definition.command === command,
  }) as GuardedCall<Args>
}
