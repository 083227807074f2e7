/**
 * The options of an authorizer: their types, checks and defaults.
 *
 * @module
 */

import { backend as platformBackend } from '#backend'
import { type CommandDefinition, commandTable } from '../capability/definition.ts'
import { anySubject } from '../capability/subject.ts'
import { didOption } from '../did/did-option.ts'
import { type DidResolver, keyResolver } from '../did/resolver.ts'
import { completeDecoding, decodingChecks } from '../envelope/complete-decoding.ts'
import type { TokenVersion } from '../envelope/payload-tag.ts'
import type { Limits } from '../limits.ts'
import type { CryptoBackend } from '../principal/backend/backend.ts'
import type { RevocationStore } from '../revocation/revocation-store.ts'
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
} from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { type Clock, type Never, never, systemClock } from '../time.ts'
import { standardFormat } from './formats/standard-format.ts'
import type { TokenFormat } from './formats/token-format.ts'
import type { ReplayStore } from './replay-store.ts'
import type { CallOptions, Settings, VerificationSettings } from './settings.ts'

/**
 * Says that commands are decided upon without knowing them or their arguments: for a gateway that passes calls on
 * to services that check. The name is long because closed-world checks end here.
 */
export const uncheckedCommands: unique symbol = Symbol('uncheckedCommands')

/** How calls are decided. Everything that could let more pass than is safe has to be said by name. */
export interface AuthorizeOptions {
  /** The DID of this service: invocations have to be addressed to it. */
  readonly audience: string
  /**
   * Whose authority counts here: the DIDs that this service acts for. `anySubject` accepts every subject, which is
   * right only where `authorization.subject` selects whose things are touched: anybody can be a subject.
   */
  readonly subjects: readonly string[] | typeof anySubject
  /** The commands of this service; any other is refused. Or {@link uncheckedCommands}. */
  readonly commands: readonly CommandDefinition[] | typeof uncheckedCommands
  /** Where revocations are looked up. */
  readonly revocations: RevocationStore
  /** Where seen invocations are remembered. */
  readonly replay: ReplayStore
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Seconds by which clocks may differ, at each end of a token's time bounds. Default 60, at most 300. */
  readonly clockTolerance?: number
  /** Most seconds from now to the expiry of an invocation. Default 300; `never` also accepts those without expiry. */
  readonly maxInvocationLifetime?: number | Never
  /** Fewest bytes of an invocation's nonce. Default 12. A command definition marked `idempotent` needs none. */
  readonly minimumNonceBytes?: number
  /** How DIDs become keys. Default: `did:key` alone. */
  readonly resolver?: DidResolver
  /** Bounds on what is read. See {@link Limits} for the defaults. */
  readonly limits?: Partial<Limits>
  /**
   * Formats in which a call may come; a call and all its proofs are of one. Default: UCAN 1.0.0 alone.
   */
  readonly formats?: readonly TokenFormat[]
  /** Versions of the token format to read. Default `['1.0.0']`. */
  readonly accept?: readonly TokenVersion[]
  /** Accepts `aud` equal to `sub` and empty `meta` in 1.0.0 tokens, which some libraries write. Default false. */
  readonly acceptRedundantFields?: boolean
  /** What hashes and verifies. Default: the platform's. The verdict does not depend on it. */
  readonly backend?: CryptoBackend
  /**
   * Most verified delegations that are remembered, so that only new tokens cost a signature. One counts once more for
   * every 512 bytes of it. Default 10,000, which take 250 MB at the very most and 10 MB in most services.
   */
  readonly maxCachedDelegations?: number
  /**
   * Lets an invocation name delegations that this authorizer has verified before and still remembers, without their
   * being sent again. What it does not remember is refused with `proof_missing`, which lists the CIDs to send; so the
   * answer depends on what was seen before, and on which of several processes is asked. Default false.
   */
  readonly rememberProofs?: boolean
  /**
   * Called with the error when a store, resolver, schema, format or back end failed and the call was refused for it. What
   * it throws, or rejects with, is ignored.
   */
  readonly onError?: (error: unknown) => void
}

/** The options that say how tokens are read and verified; those of {@link AuthorizeOptions} of the same names. */
export type VerificationOptions = Pick<
  AuthorizeOptions,
  'accept' | 'acceptRedundantFields' | 'backend' | 'clock' | 'clockTolerance' | 'limits' | 'onError' | 'resolver'
>

/** The forms of {@link VerificationOptions}. */
export const verificationChecks: OptionChecks<VerificationOptions> = Object.freeze({
  clock: maybe(withMethod('now')),
  // TIM-06
  clockTolerance: maybe(integerFrom(0, 300)),
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

/** The forms of {@link AuthorizeOptions}. */
export const authorizeChecks: OptionChecks<AuthorizeOptions> = Object.freeze({
  audience: anything,
  subjects: (value) =>
    value === anySubject || Array.isArray(value) ? undefined : 'must be a list of DIDs, or anySubject',
  commands: (value) =>
    value === uncheckedCommands || Array.isArray(value)
      ? undefined
      : 'must be a list of command definitions, or uncheckedCommands',
  revocations: withMethod('findRevocations'),
  replay: withMethod('claim'),
  maxInvocationLifetime: (value) => (value === never ? undefined : maybe(integerFrom(0))(value)),
  minimumNonceBytes: maybe(integerFrom(0, 64)),
  formats: formatsCheck,
  maxCachedDelegations: maybe(integerFrom(0)),
  rememberProofs: maybe(flag),
  ...verificationChecks,
})

/** The forms of {@link CallOptions}. */
export const callChecks: OptionChecks<CallOptions> = Object.freeze({ signal: maybe(abortSignal) })

/** The options of an authorizer, read. */
export interface Configuration {
  readonly settings: Settings
  readonly formats: readonly TokenFormat[]
  readonly maxCachedDelegations: number
}

/**
 * Fills in the defaults.
 *
 * @param options - of {@link authorizeChecks}.
 * @throws ArgumentError that names the option and the requirement.
 */
export function completeOptions(options: AuthorizeOptions): Configuration {
  const { subjects, commands, maxInvocationLifetime = 300 } = options
  const settings: Settings = {
    ...completeVerification(
      options,
      maxInvocationLifetime === never ? Number.POSITIVE_INFINITY : maxInvocationLifetime,
    ),
    audience: didOption('audience', options.audience),
    subjects: subjects === anySubject ? undefined : new Set(subjects.map((subject) => didOption('subjects', subject))),
    commands: commands === uncheckedCommands ? undefined : commandTable(commands),
    revocations: options.revocations,
    replay: options.replay,
    minimumNonceBytes: options.minimumNonceBytes ?? 12,
  }
  return {
    settings: Object.freeze(settings),
    formats: Object.freeze([...(options.formats ?? [standardFormat])]),
    maxCachedDelegations: options.maxCachedDelegations ?? 10_000,
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
    resolver: options.resolver ?? keyResolver(),
    resolvesKeysOnly: options.resolver === undefined,
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
