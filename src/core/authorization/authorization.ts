import type { CID } from 'multiformats/cid'
import { ArgumentError, AuthorizationError } from '../../errors.ts'
import { type Never, never, showTime, type Timestamp } from '../../time.ts'
import type { Command } from '../capability/command.ts'
import type { Did } from '../did/did.ts'
import type { IpldValue } from '../ipld/value.ts'
import type { Chain } from './chain.ts'

/** The facts that an {@link Authorization} is evidence of. */
export interface AuthorizationFacts {
  /** Whose authority was used. */
  readonly subject: Did
  /** The principal that made the call. */
  readonly invoker: Did
  /** The service that executes the call: this one. */
  readonly audience: Did
  /** The path of authority: the issuer of the root delegation, then each delegate, the invoker last. */
  readonly principals: readonly Did[]
  /** The command that may be executed. */
  readonly command: Command
  /** The arguments exactly as signed, frozen in depth. Byte strings cannot be frozen; do not write to them. */
  readonly args: { readonly [name: string]: IpldValue }
  /** The delegations of the chain, root first. */
  readonly proofs: readonly CID[]
  /** The invocation. */
  readonly invocation: CID
  /** The task: the same for two invocations of the same work (UCAN Invocation 1.0.0, "Task"). */
  readonly task: CID
  /** First second at which every token of the chain is valid; absent when no token has a start. */
  readonly notBefore?: Timestamp
  /** Last second at which every token of the chain is valid. */
  readonly expiration: Timestamp | Never
}

/** The same facts, where names that are digests may be computed when they are read. */
export type GrantedFacts = Omit<AuthorizationFacts, 'invocation' | 'task'> & {
  readonly invocation: CID | (() => CID)
  readonly task: CID | (() => CID)
}

/** Where an authorization comes from, for `recheck`. */
export interface Origin {
  /** The authorizer that made it, which alone has this symbol. */
  readonly authorizer: symbol
  readonly chain: Chain
}

/** The constructor refuses without this key, which other modules do not have. */
const key: unique symbol = Symbol('authorization')

/**
 * The evidence that a call is allowed. Only `authorize` can make one: the class has a private field, so a look-alike
 * neither compiles nor passes {@link Authorization.is}. It is valid for one use, until the chain expires.
 */
export class Authorization implements AuthorizationFacts {
  static readonly #names: Record<'invocation' | 'task', PropertyDescriptor> & ThisType<Authorization> = {
    invocation: {
      enumerable: true,
      get() {
        if (typeof this.#invocation === 'function') this.#invocation = this.#invocation()
        return this.#invocation
      },
    },
    task: {
      enumerable: true,
      get() {
        if (typeof this.#task === 'function') this.#task = this.#task()
        return this.#task
      },
    },
  }

  static {
    // With a replaced `is` or `consume`, a look-alike could pass, or one authorization could be used twice.
    Object.freeze(Authorization)
    Object.freeze(Authorization.prototype)
  }

  readonly subject: Did
  readonly invoker: Did
  readonly audience: Did
  readonly principals: readonly Did[]
  readonly command: Command
  readonly args: { readonly [name: string]: IpldValue }
  readonly proofs: readonly CID[]
  /** The invocation. Its name is a digest, which is computed when it is first read. */
  declare readonly invocation: CID
  /** The task. Its name is a digest, which is computed when it is first read. */
  declare readonly task: CID
  declare readonly notBefore?: Timestamp
  readonly expiration: Timestamp | Never
  /** Seconds by which the clock may be past `expiration`. */
  readonly #tolerance: number
  readonly #origin: Origin | undefined
  #invocation: CID | (() => CID)
  #task: CID | (() => CID)
  #consumed = false

  private constructor(facts: GrantedFacts, tolerance: number, proof: typeof key, origin: Origin | undefined) {
    // AUT-01
    if (proof !== key) throw new ArgumentError('only authorize() can make an authorization')
    this.subject = facts.subject
    this.invoker = facts.invoker
    this.audience = facts.audience
    this.principals = facts.principals
    this.command = facts.command
    this.args = facts.args
    this.proofs = facts.proofs
    if (facts.notBefore !== undefined) this.notBefore = facts.notBefore
    this.expiration = facts.expiration
    this.#invocation = facts.invocation
    this.#task = facts.task
    this.#tolerance = tolerance
    this.#origin = origin
    // Own properties, so that a copy by `...` has them. One call for each takes half as long as one for both.
    Object.defineProperty(this, 'invocation', Authorization.#names.invocation)
    Object.defineProperty(this, 'task', Authorization.#names.task)
    Object.freeze(this)
  }

  /** Whether `value` is a genuine authorization, consumed or not. */
  static is(value: unknown): value is Authorization {
    return typeof value === 'object' && value !== null && #consumed in value
  }

  /**
   * Returns the chain of an authorization to the authorizer that made it, and undefined to every other.
   *
   * @internal
   */
  static chainOf(authorization: Authorization, authorizer: symbol): Chain | undefined {
    const origin = Authorization.is(authorization) ? authorization.#origin : undefined
    return origin !== undefined && origin.authorizer === authorizer ? origin.chain : undefined
  }

  /** Whether it has been used. */
  get consumed(): boolean {
    return this.#consumed
  }

  /**
   * Marks the authorization as used. Call this before the permitted effect, in the same turn of the event loop; a vault
   * does so before it releases a credential.
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

/** The constructor is private in TypeScript, so that the published types do not offer it. */
type Constructor = new (
  facts: GrantedFacts,
  tolerance: number,
  proof: typeof key,
  origin: Origin | undefined,
) => Authorization

/**
 * Makes the evidence. For this folder: no entry point exports it.
 *
 * @param origin - for {@link Authorization.chainOf}.
 */
export function grantAuthorization(facts: GrantedFacts, tolerance: number, origin?: Origin): Authorization {
  // `new` and not `Reflect.construct`, which a program can replace to obtain the key.
  return new (Authorization as unknown as Constructor)(facts, tolerance, key, origin)
}
