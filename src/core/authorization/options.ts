/**
 * The options of an authorizer: their types, checks and defaults.
 *
 * @module
 */

import { backend as platformBackend } from '#backend'
import type { Bounds } from '../../bounds.ts'
import { ArgumentError } from '../../errors.ts'
import { storeHint } from '../../support/near-name.ts'
import {
  abortSignal,
  anything,
  callback,
  flag,
  integerFrom,
  maybe,
  type OptionCheck,
  type OptionChecks,
  withMethod,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { type Clock, maxTolerance, type Never, never, systemClock } from '../../time.ts'
import { type CommandDefinition, commandTable } from '../capability/definition.ts'
import { anySubject } from '../capability/subject.ts'
import { didOption } from '../did/did-option.ts'
import type { DidResolver } from '../did/resolver.ts'
import { completeDecoding, decodingChecks } from '../envelope/complete-decoding.ts'
import type { TokenVersion } from '../envelope/payload-tag.ts'
import type { CryptoBackend } from '../principal/backend/backend.ts'
import type { RevocationStore } from '../revocation/revocation-store.ts'
import { anyAudience } from './any-audience.ts'
import type { CallStore } from './call-store.ts'
import { standardFormat } from './formats/standard-format.ts'
import type { TokenFormat } from './formats/token-format.ts'
import { type Counter, createCounter } from './limits/counter.ts'
import type { LimitStore } from './limits/limit-store.ts'
import type { ReplayStore } from './replay-store.ts'
import type { CallOptions, Settings, VerificationSettings } from './settings.ts'

/**
 * Accepts every command, without checks of its arguments: for a gateway in front of services that check them. The name
 * is long because it turns a protection off.
 */
export const uncheckedCommands: unique symbol = Symbol('uncheckedCommands')

/**
 * Options of an authorizer. The values that turn a check off have names: `anySubject`, `uncheckedCommands`, `never`.
 */
export interface AuthorizeOptions {
  /**
   * The DID of this service, to which invocations must be addressed. A list of DIDs, the present one first, while
   * callers still use a former one: for example while the service changes its key.
   */
  readonly audience: string | readonly string[]
  /**
   * The DIDs for which this service acts: the owners of its resources. `anySubject` accepts every subject. It is
   * correct only if `authorization.subject` selects the resources that are used, because every DID can be a subject.
   */
  readonly subjects: readonly string[] | typeof anySubject
  /** The commands of this service, or {@link uncheckedCommands}. Other commands are refused. */
  readonly commands: readonly CommandDefinition[] | typeof uncheckedCommands
  /** The store of revocations. */
  readonly revocations: RevocationStore
  /** The store of used invocations. */
  readonly replay: ReplayStore
  /** The store that counts the calls of delegations with limits. Without one, such calls are refused. */
  readonly limitStore?: LimitStore
  /**
   * Asks `revocations`, `replay` and `limitStore` in one request, if they are those of this store. `redisStores`,
   * `postgresStores` and `sqliteStores` return one. The decision does not depend on it. Default: each store is asked by
   * itself.
   */
  readonly callStore?: CallStore
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Seconds by which clocks may differ, at each end of a token's time bounds. Default 60, at most 300. */
  readonly clockTolerance?: number
  /** Most seconds from now to the expiry of an invocation. Default 300; `never` also accepts those without expiry. */
  readonly maxInvocationLifetime?: number | Never
  /** Fewest bytes of an invocation's nonce. Default 12. A command definition marked `idempotent` needs none. */
  readonly minimumNonceBytes?: number
  /** Resolves DIDs to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Bounds on input. See {@link Bounds} for the defaults. */
  readonly bounds?: Partial<Bounds>
  /**
   * Formats in which a call may come; a call and all its proofs are of one. Default: UCAN 1.0.0 alone.
   */
  readonly formats?: readonly TokenFormat[]
  /** Versions of the token format to read. Default `['1.0.0']`. */
  readonly accept?: readonly TokenVersion[]
  /** Accepts `aud` equal to `sub` and empty `meta` in 1.0.0 tokens, which some libraries write. Default false. */
  readonly acceptRedundantFields?: boolean
  /** The cryptography. Default: the platform's. The decision does not depend on it. */
  readonly backend?: CryptoBackend
  /**
   * Most verified delegations that are remembered, so that only new tokens cost a signature. One counts once more for
   * every 512 bytes of it. Default 10,000, which take 250 MB at the very most and 10 MB in most services.
   */
  readonly maxCachedDelegations?: number
  /**
   * Accepts invocations whose delegations were verified before and are still remembered, without sending them again. If
   * one is not remembered, the call is refused with `proof_missing`, which lists the CIDs to send. The decision then
   * depends on earlier calls, and on the process that receives the call. Default false.
   */
  readonly rememberProofs?: boolean
  /**
   * Called with the error when a call was refused because a store, resolver, schema, format or back end failed. Its own
   * errors and rejections are ignored.
   */
  readonly onError?: (error: unknown) => void
}

/** The options of an authorizer, or of the part of a guard that decides. */
export type DeciderOptions = Omit<AuthorizeOptions, 'audience'> & {
  readonly audience: AuthorizeOptions['audience'] | typeof anyAudience
}

/** The options of {@link AuthorizeOptions} about reading and verifying tokens. */
export type VerificationOptions = Pick<
  AuthorizeOptions,
  'accept' | 'acceptRedundantFields' | 'backend' | 'clock' | 'clockTolerance' | 'bounds' | 'onError' | 'resolver'
>

/** The checks of {@link VerificationOptions}. */
export const verificationChecks: OptionChecks<VerificationOptions> = Object.freeze({
  clock: maybe(withMethod('now')),
  // TIM-06
  clockTolerance: maybe(integerFrom(0, maxTolerance)),
  resolver: maybe(withMethod('resolve')),
  ...decodingChecks,
  backend: maybe(withMethod('verify')),
  onError: maybe(callback),
})

/** A list of formats, as `formats` is. */
export const formatsCheck: OptionCheck = maybe((value) => {
  const formats = Array.isArray(value) && value.length > 0 ? value : [undefined]
  const faults = formats.map((format) => withMethod('read')(format) ?? withMethod('recognizes')(format))
  return faults.some((fault) => fault !== undefined) ? 'must be a list of token formats' : undefined
})

/** A store with this method. */
const storeCheck =
  (method: string): OptionCheck =>
  (value) =>
    storeHint(withMethod(method)(value))

/** The checks of {@link AuthorizeOptions}. */
export const authorizeChecks: OptionChecks<AuthorizeOptions> = Object.freeze({
  audience: anything,
  subjects: (value) =>
    value === anySubject || Array.isArray(value) ? undefined : 'must be a list of DIDs, or anySubject',
  commands: (value) =>
    value === uncheckedCommands || Array.isArray(value)
      ? undefined
      : 'must be a list of command definitions, or uncheckedCommands',
  revocations: storeCheck('findRevocations'),
  replay: storeCheck('claim'),
  limitStore: maybe(withMethod('reserve')),
  callStore: maybe(withMethod('ask')),
  maxInvocationLifetime: (value) => (value === never ? undefined : maybe(integerFrom(0))(value)),
  minimumNonceBytes: maybe(integerFrom(0, 64)),
  formats: formatsCheck,
  maxCachedDelegations: maybe(integerFrom(0)),
  rememberProofs: maybe(flag),
  ...verificationChecks,
})

/** The checks of {@link CallOptions}. */
export const callChecks: OptionChecks<CallOptions> = Object.freeze({ signal: abortSignal })

/** The options of an authorizer, read. */
export interface Configuration {
  readonly settings: Settings
  readonly formats: readonly TokenFormat[]
  readonly maxCachedDelegations: number
  /** Counts calls; undefined when the service does not. */
  readonly counter: Counter | undefined
}

/**
 * Fills in the defaults.
 *
 * @param options - of {@link authorizeChecks}.
 * @param holdSeconds - see `createCounter`.
 * @throws ArgumentError that names the option and the requirement.
 */
export function completeOptions(options: DeciderOptions, holdSeconds?: number): Configuration {
  const { subjects, commands, maxInvocationLifetime = 300 } = options
  // SVC-04: of an empty list, the first item is undefined, which is not a DID.
  const [present, ...former] = [options.audience].flat() as [string, ...string[]]
  const settings: Settings = {
    ...completeVerification(
      options,
      maxInvocationLifetime === never ? Number.POSITIVE_INFINITY : maxInvocationLifetime,
    ),
    audiences:
      options.audience === anyAudience
        ? undefined
        : Object.freeze([present, ...former].map((did) => didOption('audience', did))),
    subjects:
      subjects === anySubject
        ? undefined
        : new Set(subjects.map((subject, at) => didOption(`subjects[${at}]`, subject))),
    commands: commands === uncheckedCommands ? undefined : commandTable(commands),
    revocations: options.revocations,
    replay: options.replay,
    minimumNonceBytes: options.minimumNonceBytes ?? 12,
  }
  if (options.limitStore === undefined && [...(settings.commands?.values() ?? [])].some(({ approvals }) => approvals)) {
    throw new ArgumentError('a command with `approvals` requires a `limitStore`, which counts approvals')
  }
  return {
    settings: Object.freeze(settings),
    formats: Object.freeze([...(options.formats ?? [standardFormat])]),
    maxCachedDelegations: options.maxCachedDelegations ?? 10_000,
    counter: options.limitStore && createCounter(options.limitStore, holdSeconds, options.callStore),
  }
}

/**
 * Fills in the defaults of the options about reading and verifying.
 *
 * @param options - of {@link verificationChecks}.
 * @param maxInvocationLifetime - seconds. Default: tokens may be valid for any time.
 * @throws ArgumentError when a limit is invalid.
 */
export function completeVerification(
  options: VerificationOptions & Pick<AuthorizeOptions, 'rememberProofs'>,
  maxInvocationLifetime: number = Number.POSITIVE_INFINITY,
): VerificationSettings {
  return {
    clock: options.clock ?? systemClock,
    clockTolerance: options.clockTolerance ?? 60,
    maxInvocationLifetime,
    resolver: options.resolver,
    rememberProofs: options.rememberProofs === true,
    ...completeDecoding(options),
    backend: options.backend ?? platformBackend,
    onError: quiet(options.onError ?? (() => undefined)),
  }
}

/** A listener that can neither change a decision nor end the process. */
function quiet<T>(listener: (value: T) => void): (value: T) => void {
  return (value) => void quietly(() => listener(value))
}
