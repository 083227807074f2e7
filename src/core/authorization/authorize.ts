/**
 * The decision: may this call be made, here, now?
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { ArgumentError, StoreError } from '../../errors.ts'
import { readOptions, refusePromise } from '../../support/options.ts'
import { isPromiseLike } from '../../support/promise.ts'
import { never, secondsOf, type Timestamp } from '../../time.ts'
import type { Did } from '../did/did.ts'
import { cidOf, cidOfKey } from '../ipld/cid.ts'
import { deepFreeze } from '../ipld/value.ts'
import type { CryptoBackend } from '../principal/backend/backend.ts'
import { Authorization, type GrantedFacts, grantAuthorization } from './authorization.ts'
import { audienceOf, type Chain, type ChainLink, type ResourceArgument } from './chain.ts'
import { checkAddressee } from './checks/addressee.ts'
import { checkAlignment } from './checks/alignment.ts'
import type { ApprovalContext } from './checks/approvals.ts'
import { checkArguments } from './checks/arguments.ts'
import { checkLimits, hasLimits } from './checks/limits.ts'
import { checkPolicies } from './checks/policy.ts'
import { checkReplay } from './checks/replay.ts'
import { checkResource } from './checks/resource.ts'
import { checkRevocation } from './checks/revocation.ts'
import { checkSignatures, type SignatureState } from './checks/signatures.ts'
import { checkTimeBounds } from './checks/time-bounds.ts'
import type { Decision } from './decision.ts'
import { isDenial } from './denial.ts'
import { checkInput, internalError } from './denial-of.ts'
import { deny, type Refused, refuse } from './deny.ts'
import { readCall } from './formats/standard-format.ts'
import type { TokenFormat } from './formats/token-format.ts'
import type { Counter, Hold } from './limits/counter.ts'
import type { RemainingLimit } from './limits/remaining.ts'
import { type Caches, createCaches } from './machinery/caches.ts'
import { runAsync, runNow, runSync, type Steps, wait } from './machinery/steps.ts'
import { createVerifiers, type Verifier } from './machinery/verifiers.ts'
import { type ContainerContents, readContents } from './open-container.ts'
import { type AuthorizeOptions, authorizeChecks, callChecks, completeOptions, type DeciderOptions } from './options.ts'
import type { Refusal } from './refusal.ts'
import type { CallOptions, DecideOptions, Settings } from './settings.ts'

/** Decides about calls for one service. */
export interface Authorizer {
  /**
   * Decides about one call.
   *
   * @param container - the invocation and its proofs, as text or bytes.
   * @returns the decision. No input is an error: invalid bytes are a denial. An unexpected error is a denial with the
   *   code `internal_error`, and `onError` receives the error.
   */
  authorize(container: string | Uint8Array, options?: CallOptions): Promise<Decision>
  /**
   * The same, synchronously. Every store, resolver, schema and the back end must answer synchronously, as the memory
   * stores and the back end of Node do.
   *
   * @throws ArgumentError when one of them returns a promise.
   */
  authorizeSync(container: string | Uint8Array): Decision
  /**
   * Checks again that an allowed call is valid: not expired, and no part of its chain revoked. Use it before you
   * release something some time after the decision.
   *
   * @param authorization - one that this authorizer made.
   * @returns whether it is valid.
   * @throws StoreError when the revocation store does not answer: release nothing then.
   */
  recheck(authorization: Authorization, options?: CallOptions): Promise<boolean>
  /**
   * Reads the tokens of a container as `authorize` reads them, with the same limits, versions and formats, and decides
   * nothing: for a log, or to show why a call was refused. The tokens are not verified.
   *
   * @throws MalformedError for bytes of which `authorize` cannot read a token.
   */
  open(container: string | Uint8Array): Promise<ContainerContents>
  /**
   * Reports that the work on an allowed call has ended, so that it no longer counts as a concurrent call
   * (`maxConcurrent`). Without the report it counts for 300 seconds. Rejects when the `limitStore` does not answer. A
   * guard does this by itself.
   */
  finish(authorization: Authorization, options?: CallOptions): Promise<void>
  /**
   * Reports how much is left of the limits of the delegations in a container, for an agent that asks before it calls.
   * It uses nothing up. The tokens are not verified: answer only those who may know how much their delegations were
   * used.
   *
   * @param container - proofs, with an invocation or without: `encodeContainer(proofs)`.
   * @throws MalformedError for bytes of which `authorize` cannot read a token; ArgumentError without a `limitStore`;
   *   StoreError when it does not answer.
   */
  remaining(container: string | Uint8Array, options?: CallOptions): Promise<readonly RemainingLimit[]>
}

/**
 * Decides about one call. For many calls, use {@link createAuthorizer}, which keeps caches between calls.
 *
 * @throws ArgumentError when an option is missing or invalid.
 */
export async function authorize(
  container: string | Uint8Array,
  options: AuthorizeOptions & CallOptions,
): Promise<Decision> {
  const { signal, ...given } = readOptions('authorize', options, { ...authorizeChecks, ...callChecks })
  return authorizerOf(given).authorize(container, { signal })
}

/**
 * Makes the decider of a service. Options are read once. It remembers delegations whose signature it has verified;
 * time, revocation, policy and replay are asked for every call.
 *
 * @throws ArgumentError when an option is missing or invalid.
 *
 * @example
 * ```ts
 * import { createAuthorizer } from 'procura'
 * import { memoryStores } from 'procura/store/memory'
 *
 * const authorizer = createAuthorizer({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   commands: [send],
 *   ...memoryStores(),
 * })
 * const decision = await authorizer.authorize(received)
 * if (decision.allowed) console.log(decision.authorization.args)
 * else console.log(decision.denial.code, decision.denial.message)
 * ```
 */
export function createAuthorizer(options: AuthorizeOptions): Authorizer {
  return authorizerOf(readOptions('createAuthorizer', options, authorizeChecks))
}

/** Makes the decider from options that were checked. */
export function authorizerOf(options: AuthorizeOptions): Authorizer {
  return deciderOf(options).authorizer
}

/** An authorizer, and its way for a guard. */
export interface Decider {
  readonly authorizer: Authorizer
  /**
   * As `authorize`, but the decision is there at once if nothing has to be waited for. The options are not read: their
   * signal is read by a wait, or by a store.
   *
   * @throws ArgumentError when the container is a promise.
   */
  decide(container: string | Uint8Array, call: DecideOptions): Decision | Promise<Decision>
  /** Returns evidence for one more use of an allowed call. The caller counts the uses. */
  another(authorization: Authorization): Authorization
  /** Returns the reservation of an allowed call, of the limits of its chain; undefined without a `limitStore`. */
  readonly holdOf: ((authorization: Authorization) => Hold | undefined) | undefined
  /** For another decider with the same options for reading and verifying. */
  readonly caches: Caches
}

/**
 * The same with both ways.
 *
 * @param holdSeconds - how long the reservation of a call waits for its commit. Default: it is committed at once.
 * @param shared - the caches of another decider. Default: its own.
 */
export function deciderOf(options: DeciderOptions, holdSeconds?: number, shared?: Caches): Decider {
  const { settings, formats, maxCachedDelegations, counter } = completeOptions(options, holdSeconds)
  const caches = shared ?? createCaches(maxCachedDelegations)
  const service: Service = {
    settings,
    formats,
    resources: formats.flatMap(({ resourceArgument }) => resourceArgument ?? []),
    caches,
    counter,
    authorizer: Symbol('authorizer'),
  }
  const verifiers = createVerifiers(settings.backend)
  const holdOf = (authorization: Authorization): Hold | undefined => {
    const chain = chainOf(authorization, service)
    return counter?.holdOf(chain)
  }
  const authorizer = Object.freeze({
    authorize: (container, call) => runAsync(decide(container, service, verifiers.forCall(), call, true)),
    authorizeSync: (container) => runSync(decide(container, service, verifiers.atOnce, undefined, true)),
    // CTN-10
    open: (container) => readContents(container, formats, settings),
    recheck: (authorization, call = {}) => runAsync(decideAgain(authorization, service, call)),
    remaining: async (container, options = {}) => {
      const call = readOptions('remaining', options, callChecks)
      if (counter === undefined) throw new ArgumentError('`remaining` requires a `limitStore`')
      const { delegations } = await readContents(container, formats, settings)
      return counter.remaining(delegations, settings, call)
    },
    finish: async (authorization, call = {}) => holdOf(authorization)?.release(readOptions('finish', call, callChecks)),
  } satisfies Authorizer)
  return {
    authorizer,
    caches,
    holdOf: counter && holdOf,
    another: (authorization) => grant(chainOf(authorization, service), authorization.task, service),
    decide: (container, call) => runNow(decide(container, service, verifiers.forCall(), call, false)),
  }
}

const noOptions: DecideOptions = Object.freeze({})

/** The parts of one authorizer. */
interface Service {
  readonly settings: Settings
  readonly formats: readonly TokenFormat[]
  /** The arguments in which the formats put the resource of a call. */
  readonly resources: readonly ResourceArgument[]
  readonly caches: Caches
  readonly counter: Counter | undefined
  /** Identifies the authorizations that this authorizer made, for `recheck`. */
  readonly authorizer: symbol
}

/**
 * The order of the checks is an argument:
 *
 * 1. sizes, strict decoding, closed schema, CIDs by hashing (`readCall`): a microsecond a token, so that garbage costs
 *    nothing and all later checks see one meaning of the bytes;
 * 2. addressee, alignment, command, time: comparisons, which cost less than any signature and refuse most mistakes;
 * 3. signatures, the invocation's first: from here on, every field is known to come from its issuer;
 * 4. arguments, then policies: no unauthenticated statement is evaluated, and none against an unchecked argument;
 * 5. owners of resources, the questions of a guard, and revocation: look-ups, which a forged token must not be able to
 *    cause;
 * 6. approvals, for a command that needs them: they cost further signatures, and use nothing up yet; then limits that
 *    this service cannot count;
 * 7. replay: late, because it leaves a trace; a call that is refused for a reason before it burns no nonce;
 * 8. the rest of the limits: last, so that no other refusal, and no copy of a call, uses any of them up.
 */
function* decide(
  container: string | Uint8Array,
  service: Service,
  verify: Verifier,
  options: DecideOptions | undefined,
  isChecked: boolean,
): Steps<Decision> {
  refusePromise('container', container)
  const call: DecideOptions =
    options === undefined ? noOptions : isChecked ? readOptions('authorize', options, callChecks) : options
  const { settings } = service
  const now = secondsOf(settings.clock)
  let outcome: Decision | Refused
  try {
    const invalid = checkInput(container)
    outcome = invalid === undefined ? yield* decideAt(now, container, service, verify, call) : refuse(invalid)
  } catch (error) {
    outcome = refuse(internalError(error, settings))
  }
  return outcome.allowed === undefined ? deny(outcome, settings) : outcome
}

function* decideAt(
  now: Timestamp,
  container: string | Uint8Array,
  service: Service,
  verify: Verifier,
  call: DecideOptions,
): Steps<Decision | Refused> {
  const { settings, formats, resources, caches } = service
  const chain = yield* readCall(container, formats, { now, call, settings, caches }) // 1
  if (isDenial(chain)) return refuse(chain)
  const state: SignatureState = { links: caches.links, keys: caches.keys, verify }
  const unauthenticated =
    checkAddressee(chain, settings) ?? // 2
    checkAlignment(chain) ??
    checkTimeBounds(chain, now, settings) ??
    (yield* checkSignatures(chain, settings, state, call)) // 3
  if (unauthenticated !== undefined) return refuse(unauthenticated, chain)
  // The signed arguments are judged and passed on. Byte strings cannot be frozen; a schema must not write to them.
  deepFreeze(chain.invocation.fields.args)
  const forbidden =
    (yield* checkArguments(chain, settings)) ?? // 4
    checkPolicies(chain) ??
    (yield* checkResource(chain, resources, settings, call)) // 5
  if (forbidden !== undefined) return refuse(forbidden, chain, true)
  // Before anything is used up: the back end may fail.
  const task = yield* wait(nameTask(chain, settings.backend))
  const allowed = yield* askStores(chain, service, { now, settings, caches, state }, call) // 5 to 8
  // Only a chain is granted, whatever the answer of a further check is.
  if (!('links' in allowed)) return refuse(allowed, chain, true)
  return Object.freeze({ allowed: true, authorization: grant(allowed, task, service) })
}

/** Makes the checks that ask others, each of which may be the last one. Returns the chain with its approvals. */
function* askStores(
  chain: Chain,
  service: Service,
  context: ApprovalContext,
  call: DecideOptions,
): Steps<Chain | Refusal> {
  const { settings, counter } = service
  const rule = settings.commands?.get(chain.invocation.fields.command)?.approvals
  // Before the look-ups in the stores, one of which may claim the call: all of them can be one request.
  const further = yield* wait(call.furtherCheck?.(chain, call))
  if (further !== undefined) return further
  const stores = counter && rule === undefined ? yield* counter.ask(chain, settings, call) : settings
  const revoked = yield* checkRevocation(chain, stores, call) // 5
  if (revoked !== undefined) return revoked
  const approvals = rule && (yield* counterOf(service).approve(chain, rule, context, call)) // 6
  if (approvals !== undefined && isDenial(approvals)) return approvals
  const approved = approvals === undefined ? chain : { ...chain, approvals }
  const limited = hasLimits(approved)
  return (
    (limited ? checkLimits(approved, settings, counter) : undefined) ??
    (yield* checkReplay(approved, stores, call)) ?? // 7
    (limited ? yield* counterOf(service).reserve(approved, settings, call) : undefined) ?? // 8
    approved
  )
}

/** Checks the parts of a decision that can change: the time, and revocations. */
function* decideAgain(authorization: Authorization, service: Service, options: CallOptions): Steps<boolean> {
  const { settings } = service
  const call = readOptions('recheck', options, callChecks)
  const chain = chainOf(authorization, service)
  const now = secondsOf(settings.clock)
  const refusal = checkTimeBounds(chain, now, settings) ?? (yield* checkRevocation(chain, settings, call))
  if (refusal !== undefined && refusal.code !== 'revocation_unknown') return false
  const state =
    refusal !== undefined || chain.approvals === undefined
      ? 'valid'
      : yield* counterOf(service).approveAgain(chain, now, settings, call)
  if (refusal !== undefined || state === 'unknown')
    throw new StoreError('the revocation store could not tell whether the call is revoked')
  return state === 'valid'
}

/** The counter, which every service with approvals has: `completeOptions` requires it. */
function counterOf({ counter }: Service): Counter {
  if (counter === undefined) throw new ArgumentError('a `limitStore` is missing')
  return counter
}

function chainOf(authorization: Authorization, { authorizer }: Service): Chain {
  const chain = Authorization.chainOf(authorization, authorizer)
  if (chain === undefined) throw new ArgumentError('the authorization was not made by this authorizer')
  return chain
}

/** The CID of the task: computed on demand, or now if the back end is asynchronous. */
function nameTask({ invocation }: Chain, backend: CryptoBackend): CID | (() => CID) | Promise<CID> {
  const { sha256Key } = backend
  if (sha256Key !== undefined) return () => cidOfKey(sha256Key.call(backend, invocation.task()))
  const digest = backend.sha256(invocation.task())
  return isPromiseLike(digest) ? digest.then(cidOf) : cidOf(digest)
}

/** The evidence, with the part of time in which all tokens of the chain are valid. */
function grant(chain: Chain, task: CID | (() => CID), { settings, authorizer }: Service): Authorization {
  const { links, invocation } = chain
  const { fields } = invocation
  let { notBefore, expiration } = fields
  const principals: Did[] = []
  for (let at = 0; at < links.length; at++) {
    const { link } = links[at] as ChainLink
    principals.push(link.issuer)
    if (link.notBefore !== undefined && (notBefore === undefined || link.notBefore > notBefore))
      notBefore = link.notBefore
    if (link.expiration !== never && (expiration === never || link.expiration < expiration))
      expiration = link.expiration
  }
  principals.push(fields.issuer)
  const facts: GrantedFacts = {
    subject: fields.subject,
    invoker: fields.issuer,
    audience: audienceOf(fields),
    principals: Object.freeze(principals),
    command: fields.command,
    args: fields.args,
    proofs: Object.freeze(fields.proofs),
    invocation: () => invocation.cid,
    task,
    ...(notBefore !== undefined && { notBefore }),
    expiration,
  }
  return grantAuthorization(facts, settings.clockTolerance, { authorizer, chain })
}
