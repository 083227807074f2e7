import type { CID } from 'multiformats/cid'
import type { Command } from '../capability/command.ts'
import type { Did } from '../did/did.ts'
import { ArgumentError, AuthorizationError } from '../errors.ts'
import type { IpldValue } from '../ipld/value.ts'
import { type Never, never, showTime, type Timestamp } from '../time.ts'

/** What an {@link Authorization} is evidence of. */
export interface AuthorizationFacts {
  /** Whose authority was used. */
  readonly subject: Did
  /** Who made the call. */
  readonly invoker: Did
  /** Who was asked to execute it: this service. */
  readonly audience: Did
  /** The path of authority: the issuer of the root delegation, then each delegate, the invoker last. */
  readonly principals: readonly Did[]
  /** What may be executed. */
  readonly command: Command
  /** The arguments exactly as signed, frozen in depth. */
  readonly args: { readonly [name: string]: IpldValue }
  /** The delegations of the chain, root first. */
  readonly proofs: readonly CID[]
  /** The invocation. */
  readonly invocation: CID
  /** The task: same for two invocations of the same work (UCAN Invocation 1.0.0, "Task"). */
  readonly task: CID
  /** First second at which every token of the chain is valid; absent when no token says. */
  readonly notBefore?: Timestamp
  /** Last second at which every token of the chain is valid. */
  readonly expiration: Timestamp | Never
}

/** The same, where the name of the task may be worked out when it is asked for. */
export type GrantedFacts = Omit<AuthorizationFacts, 'task'> & { readonly task: CID | (() => CID) }

/** Known to this module alone: without it the constructor refuses. */
const key: unique symbol = Symbol('authorization')

/**
 * The evidence of a yes. Only `authorize` can make one: the class has a private field, so that a look-alike neither
 * compiles nor passes {@link Authorization.is}. It counts for one use, and until the chain expires.
 */
export class Authorization implements AuthorizationFacts {
  readonly subject: Did
  readonly invoker: Did
  readonly audience: Did
  readonly principals: readonly Did[]
  readonly command: Command
  readonly args: { readonly [name: string]: IpldValue }
  readonly proofs: readonly CID[]
  readonly invocation: CID
  declare readonly notBefore?: Timestamp
  readonly expiration: Timestamp | Never
  /** Seconds by which the clock may be past `expiration`. */
  readonly #tolerance: number
  /** What the authorizer that made it keeps with it. */
  readonly #origin: object | undefined
  #task: CID | (() => CID)
  #consumed = false

  /** Not for callers: takes a value that only the authorization layer holds. */
  constructor(facts: GrantedFacts, tolerance: number, proof: typeof key, origin?: object) {
    // AUT-01
    if (proof !== key) throw new ArgumentError('an authorization is made by authorize() alone')
    this.subject = facts.subject
    this.invoker = facts.invoker
    this.audience = facts.audience
    this.principals = facts.principals
    this.command = facts.command
    this.args = facts.args
    this.proofs = facts.proofs
    this.invocation = facts.invocation
    if (facts.notBefore !== undefined) this.notBefore = facts.notBefore
    this.expiration = facts.expiration
    this.#task = facts.task
    this.#tolerance = tolerance
    this.#origin = origin
    Object.freeze(this)
  }

  /** Whether `value` is a genuine authorization, consumed or not. */
  static is(value: unknown): value is Authorization {
    return typeof value === 'object' && value !== null && #consumed in value
  }

  /** Not for callers, like the constructor: what was kept with an authorization. */
  static origin(authorization: Authorization, proof: typeof key): object | undefined {
    return proof === key && Authorization.is(authorization) ? authorization.#origin : undefined
  }

  /** The task. Its name costs a digest, which is paid by who asks for it. */
  get task(): CID {
    if (typeof this.#task === 'function') this.#task = this.#task()
    return this.#task
  }

  /** Whether it has been used. */
  get consumed(): boolean {
    return this.#consumed
  }

  /**
   * Uses the authorization up. Whoever does what it permits (a vault that releases a credential, a guard) calls this
   * first, in the same turn of the event loop.
   *
   * @param now - the present time in seconds.
   * @throws AuthorizationError on the second use, and after the chain has expired.
   */
  consume(now: Timestamp): void {
    // AUT-02
    if (this.#consumed)
      throw new AuthorizationError('this authorization was already used; authorize a new call for each use')
    // AUT-03
    if (!Number.isFinite(now) || (this.expiration !== never && now > this.expiration + this.#tolerance)) {
      throw new AuthorizationError(
        `this authorization expired at ${showTime(this.expiration)}; it is now ${showTime(now)}`,
      )
    }
    this.#consumed = true
  }
}

/**
 * Makes the evidence. Exported to the authorization layer, and from no entry point.
 *
 * @param origin - kept with it, for {@link originOf}.
 */
export function grantAuthorization(facts: GrantedFacts, tolerance: number, origin?: object): Authorization {
  return new Authorization(facts, tolerance, key, origin)
}

/** What was given to {@link grantAuthorization}; undefined for what is no authorization. */
export function originOf(authorization: Authorization): object | undefined {
  return Authorization.origin(authorization, key)
}
