/**
 * What the decider is told about the service, once.
 *
 * @module
 */

import { backend as platformBackend } from '#backend'
import { type Command, parseCommand } from '../capability/command.ts'
import { type CommandDefinition, commandTable } from '../capability/definition.ts'
import { anySubject } from '../capability/subject.ts'
import type { Did } from '../did/did.ts'
import { parseDid } from '../did/did.ts'
import { didOption } from '../did/did-option.ts'
import { type DidResolver, keyResolver } from '../did/resolver.ts'
import { completeDecoding, type Decoding, decodingChecks } from '../envelope/complete-decoding.ts'
import type { TokenVersion } from '../envelope/payload-tag.ts'
import { createTextCache, type TextCache } from '../ipld/text-cache.ts'
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
import { createTextReader } from '../support/text-reader.ts'
import { type Clock, type Never, never, systemClock } from '../time.ts'
import { standardFormat } from './formats/standard-format.ts'
import type { TokenFormat } from './formats/token-format.ts'
import { createPolicyPool, type PolicyPool } from './machinery/policy-pool.ts'
import type { ReplayStore } from './replay-store.ts'

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

/** Most DIDs, and most commands, that are remembered as read: 2 MB each. */
const maxKnownTexts = 10_000

/** Most policies that are shared between delegations. */
const maxKnownPolicies = 1_000

/** Options of one call. */
export interface CallOptions {
  /** Ends look-ups that take too long; the call is refused then. */
  readonly signal?: AbortSignal | undefined
}

/** How tokens are read and verified, completed and checked. */
export interface VerificationSettings extends Decoding {
  readonly clock: Clock
  readonly clockTolerance: number
  readonly maxInvocationLifetime: number
  readonly resolver: DidResolver
  /** Whether that is the default one. */
  readonly resolvesKeysOnly: boolean
  readonly rememberProofs: boolean
  readonly backend: CryptoBackend
  readonly onError: (error: unknown) => void
  /** `parseDid`, with a memory. */
  readonly parseDid: (text: string) => Did
  /** `parseCommand`, with a memory. */
  readonly parseCommand: (text: string) => Command
  /** Texts that stand in most tokens. */
  readonly texts: TextCache
  /** Policies, with a memory. */
  readonly policies: PolicyPool
}

/** All options, completed and checked: what the rules read. */
export interface Settings extends VerificationSettings {
  readonly audience: Did
  readonly subjects: ReadonlySet<string> | undefined
  readonly commands: ReadonlyMap<string, CommandDefinition> | undefined
  readonly revocations: RevocationStore
  readonly replay: ReplayStore
  readonly formats: readonly TokenFormat[]
  readonly minimumNonceBytes: number
  readonly maxCachedDelegations: number
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

/**
 * Fills in the defaults.
 *
 * @param options - of {@link authorizeChecks}.
 * @throws ArgumentError that names the option and says what it must be.
 */
export function completeOptions(options: AuthorizeOptions): Settings {
  const { maxInvocationLifetime = 300 } = options
  return Object.freeze({
    audience: didOption('audience', options.audience),
    subjects:
      options.subjects === anySubject
        ? undefined
        : new Set(options.subjects.map((subject) => didOption('subjects', subject))),
    commands: options.commands === uncheckedCommands ? undefined : commandTable(options.commands),
    revocations: options.revocations,
    replay: options.replay,
    formats: Object.freeze([...(options.formats ?? [standardFormat])]),
    minimumNonceBytes: options.minimumNonceBytes ?? 12,
    maxCachedDelegations: options.maxCachedDelegations ?? 10_000,
    ...completeVerification(options),
    rememberProofs: options.rememberProofs === true,
    maxInvocationLifetime: maxInvocationLifetime === never ? Number.POSITIVE_INFINITY : maxInvocationLifetime,
  })
}

/**
 * Fills in the defaults of those options, for tokens that may live as long as they say.
 *
 * @param options - of {@link verificationChecks}.
 * @throws ArgumentError for limits that are not.
 */
export function completeVerification(options: VerificationOptions): VerificationSettings {
  return {
    clock: options.clock ?? systemClock,
    clockTolerance: options.clockTolerance ?? 60,
    maxInvocationLifetime: Number.POSITIVE_INFINITY,
    resolver: options.resolver ?? keyResolver(),
    resolvesKeysOnly: options.resolver === undefined,
    rememberProofs: false,
    ...completeDecoding(options),
    backend: options.backend ?? platformBackend,
    onError: quiet(options.onError ?? (() => undefined)),
    parseDid: createTextReader(parseDid, maxKnownTexts),
    parseCommand: createTextReader((text) => parseCommand(text), maxKnownTexts),
    texts: createTextCache(),
    policies: createPolicyPool(maxKnownPolicies),
  }
}

/** A listener that can neither change a decision nor end the process. */
function quiet<T>(listener: (told: T) => void): (told: T) => void {
  return (told) => void quietly(() => listener(told))
}
