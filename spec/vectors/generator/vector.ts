/**
 * The form of a vector; `schema.json` defines the same for other languages.
 *
 * @module
 */

import { type Container, textOf } from './container.ts'
import { owner, service } from './principals.ts'
import { type Token, time } from './token.ts'

/** A command that the service has. */
export interface CommandEntry {
  readonly command: string
  /** The type of each argument; `?` after it means that it may be absent. Other arguments are refused. */
  readonly args: Readonly<Record<string, ArgumentType | `${ArgumentType}?`>>
  /** Whether invocations need no nonce. Default false. */
  readonly idempotent?: boolean
}

/** Types of arguments that vectors use. */
export type ArgumentType = 'text' | 'integer' | 'list'

/** The contents of a revocation store. */
export interface RevokedEntry {
  /** The CID of a delegation, or the DID of a principal. */
  readonly id: string
  /** The DID of who revoked it; absent for the operator of the service. */
  readonly revoker?: string
}

/** Settings of the verifier that differ from the defaults. */
export interface Options {
  readonly clockTolerance?: number
  readonly maxInvocationLifetime?: number | 'never'
  readonly minimumNonceBytes?: number
  readonly accept?: readonly ('1.0.0' | '1.0.0-rc.1')[]
  readonly acceptRedundantFields?: boolean
  readonly bounds?: Readonly<
    Partial<Record<'containerBytes' | 'tokenBytes' | 'tokens' | 'proofs' | 'depth' | 'items', number>>
  >
}

/** Everything beside the container that the verdict depends on. */
export interface Context {
  /** Seconds since 1970. */
  readonly time: number
  /** The DID of the service. */
  readonly audience: string
  /** The subjects that the service acts for. */
  readonly subjects: 'any' | readonly string[]
  /** The commands that the service has. */
  readonly commands: 'any' | readonly CommandEntry[]
  readonly revoked: readonly RevokedEntry[]
  /** Containers that were allowed before, at the same service. */
  readonly seen: readonly Container[]
  /** Stores that do not answer. */
  readonly unavailable: readonly ('revocations' | 'replay')[]
  readonly options: Options
  /** Formats in which the service reads calls. Default `['1.0.0']`. */
  readonly formats?: readonly ('1.0.0' | '0.9.1')[]
  /** In 0.9.1, the DIDs whose `ucan/attest` counts. Default: none. */
  readonly attestationAuthorities?: readonly string[]
  /** In 0.9.1, the DIDs that own resources, by the URI of the resource. Default: the service knows no owners. */
  readonly owners?: Readonly<Record<string, string>>
}

/** The verdict that is right. */
export type Expected =
  | {
      readonly allowed: true
      readonly subject: string
      readonly invoker: string
      readonly command: string
      /** Last second at which the whole chain is valid; `null` when it never expires. */
      readonly expiration: number | null
      /** First second at which the whole chain is valid, when there is one. */
      readonly notBefore?: number
    }
  | {
      readonly allowed: false
      /** The denial code. */
      readonly code: string
      /** The token at fault: the root delegation is 0, the invocation last. */
      readonly at?: number
    }

/** One question and its answer. */
export interface Vector {
  /** Unique in its file. */
  readonly name: string
  /** The fault, equal for vectors with the same fault; absent in `valid.json`. */
  readonly fault?: string
  /** The requirement in `spec/` that is broken, or that is shown to allow. */
  readonly requirement: string
  readonly container: Container
  readonly context: Context
  readonly expected: Expected
}

/** A vector file. */
export interface VectorFile {
  readonly version: 1
  readonly cases: readonly Vector[]
}

/** The parts of a hostile vector. One of `tokens` and `container`. */
export interface Hostile {
  readonly tokens?: readonly Token[]
  readonly container?: Container
  readonly at?: number
  readonly context?: Partial<Context>
}

/** One broken rule: its fault, its requirement and the code it is refused with, and the vectors that show it. */
export function refused(
  fault: string,
  requirement: string,
  code: string,
  cases: Readonly<Record<string, Hostile>>,
): readonly Vector[] {
  return Object.entries(cases).map(([name, { tokens = [], container = textOf(tokens), at, context }]) => ({
    name: `${fault}: ${name}`,
    fault,
    requirement,
    container,
    context: contextOf(context),
    expected: { allowed: false, code, ...(at === undefined ? {} : { at }) },
  }))
}

/** The context of most vectors, with changes. */
export function contextOf(change: Partial<Context> = {}): Context {
  return {
    time,
    audience: service.did,
    subjects: [owner.did],
    commands: 'any',
    revoked: [],
    seen: [],
    unavailable: [],
    options: {},
    ...change,
  }
}
