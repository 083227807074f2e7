/**
 * The questions of a guard about a call that is otherwise allowed: does it fit the request, is its subject served, and
 * which credential is for it? They are asked before the call is claimed in the replay store.
 *
 * @module
 */

import type { CallOptions, CheckedChain, FurtherCheck } from '../core/authorization/settings.ts'
import type { Command } from '../core/capability/command.ts'
import type { Did } from '../core/did/did.ts'
import type { InvocationFields } from '../core/invocation/invocation.ts'
import { ipldEquals } from '../core/ipld/equal.ts'
import type { IpldValue } from '../core/ipld/value.ts'
import { VaultError } from '../errors.ts'
import { isPromiseLike } from '../support/promise.ts'
import { quote } from '../support/quote.ts'
import type { ReferenceTable } from '../vault/rules/reference-table.ts'
import { type CredentialChoice, type CredentialFunction, type GuardedCommand, isReferenceTable } from './command.ts'
import type { GuardContext, WasUsed } from './context.ts'
import type { GuardDenial, GuardDenialCode } from './result.ts'

/** The parts of a call that the request determines. A call for one request is not accepted with another. */
export interface ExpectedCall {
  /** The command for which the request is. */
  readonly command?: Command | undefined
  /** Arguments that the call must have, with these values. */
  readonly args?: { readonly [name: string]: IpldValue | undefined } | undefined
  /** See `GuardCallOptions.admit`. */
  readonly admit?: ((call: AdmittedCall) => boolean) | undefined
}

/** A call that is signed and permitted by its chain, for `admit`. */
export interface AdmittedCall {
  /** The command. */
  readonly command: Command
  /** DID of the owner of the authority. */
  readonly subject: Did
  /** DID of the caller. */
  readonly invoker: Did
  /** The path of authority: the issuer of the root delegation, each delegate, the invoker last. */
  readonly principals: readonly Did[]
}

/** The questions about one call, and the results of the answers. */
export interface Admission {
  /** For the authorizer; undefined if there is nothing to ask. */
  readonly furtherCheck: FurtherCheck | undefined
  /** The definition of an allowed call, with its credential as it was chosen. */
  commandOf(command: Command): GuardedCommand
}

/** Prepares the questions about one call. */
export function createAdmission(context: GuardContext, expected: ExpectedCall): Admission {
  const { accepts, asks, commands, isOwn } = context
  const definitionOf = (command: Command): GuardedCommand => commands.get(command) as GuardedCommand
  const { args, command, admit } = expected
  if (!asks && command === undefined && args === undefined && admit === undefined) {
    return { furtherCheck: undefined, commandOf: definitionOf }
  }
  let chosen: GuardedCommand | undefined

  function keep(choice: GuardedCommand | GuardDenial): GuardDenial | undefined {
    if ('code' in choice) return choice
    chosen = choice
    return undefined
  }

  function choose(
    call: CredentialChoice,
    options: CallOptions,
  ): GuardDenial | undefined | Promise<GuardDenial | undefined> {
    const definition = definitionOf(call.command)
    const { credential } = definition
    if (typeof credential !== 'function') return undefined
    if (isReferenceTable(credential)) return keep(chooseFromTable(context, definition, credential, call))
    return chooseByFunction(context, definition, credential, call, options).then(keep)
  }

  const check = (
    call: InvocationFields,
    options: CallOptions,
  ): GuardDenial | undefined | Promise<GuardDenial | undefined> => {
    const unexpected = refuseUnexpected(call, expected)
    if (unexpected !== undefined) return unexpected
    const { audience, command, subject } = call
    if (accepts === undefined && isOwn === undefined) return choose({ command, subject }, options)
    return refuseParties(context, audience ?? subject, subject, options).then(
      (denial) => denial ?? choose({ command, subject }, options),
    )
  }
  const furtherCheck = (
    chain: CheckedChain,
    options: CallOptions,
  ): GuardDenial | undefined | Promise<GuardDenial | undefined> => {
    const checked = check(chain.invocation.fields, options)
    const denial = context.wasUsed === undefined ? checked : refuseUsed(chain, context.wasUsed, checked)
    if (admit === undefined) return denial
    // The last question: a call that is refused for another reason takes no place.
    return isPromiseLike(denial)
      ? denial.then((one) => one ?? refuseUnadmitted(chain, admit))
      : (denial ?? refuseUnadmitted(chain, admit))
  }
  return {
    // The authorizer passes the denial on as it is, whatever its code.
    furtherCheck: furtherCheck as FurtherCheck,
    commandOf: (name) => chosen ?? definitionOf(name),
  }
}

/** A call that an earlier process of this service has executed. */
async function refuseUsed(
  { invocation }: CheckedChain,
  wasUsed: WasUsed,
  checked: GuardDenial | undefined | Promise<GuardDenial | undefined>,
): Promise<GuardDenial | undefined> {
  const denial = await checked
  const used = denial === undefined && (await wasUsed(invocation))
  if (used === false) return denial
  if (used === undefined)
    return {
      code: 'replay_unknown',
      message:
        'the clock of the service went back since the service was opened, so it does not know whether it has executed this invocation; correct the clock, and open the service again',
      requirement: 'SVC-26',
    }
  return {
    code: 'replayed',
    message: 'the service has executed this invocation before it was restarted; sign a new invocation for another call',
    requirement: 'SVC-26',
  }
}

/** GRD-21: only `true` admits. */
function refuseUnadmitted(
  { invocation: { fields }, links }: CheckedChain,
  admit: (call: AdmittedCall) => boolean,
): GuardDenial | undefined {
  const { command, issuer: invoker, subject } = fields
  const principals = Object.freeze([...links.map(({ link }) => link.issuer), invoker])
  if (admit(Object.freeze({ command, subject, invoker, principals })) === true) return undefined
  return {
    code: 'overloaded',
    message: 'the service has too many calls of this caller in progress; send the same call again later',
    requirement: 'GRD-21',
  }
}

/** Compares a call with its request. */
function refuseUnexpected(
  { command, args }: Pick<InvocationFields, 'args' | 'command'>,
  expected: ExpectedCall,
): GuardDenial | undefined {
  // SVC-10
  if (expected.command !== undefined && command !== expected.command) {
    return {
      code: 'command_mismatch',
      message: `the request is for \`${expected.command}\`, but the invocation is of \`${command}\`; send each call to the address of its command`,
      requirement: 'SVC-10',
      detail: { kind: 'command', granted: expected.command, found: command },
    }
  }
  for (const [name, value] of Object.entries(expected.args ?? {})) {
    // SVC-11
    const found = Object.hasOwn(args, name) ? args[name] : undefined
    if (value === undefined ? found === undefined : found !== undefined && ipldEquals(found, value)) continue
    return {
      code: 'request_mismatch',
      message: `argument ${quote(name)} of the invocation does not match the request; sign an invocation for this request`,
      requirement: 'SVC-11',
      detail: { kind: 'argument', argument: name, problem: 'does not match the request' },
    }
  }
  return undefined
}

/** The audience first: a call to another service is not asked about further. */
async function refuseParties(
  context: GuardContext,
  audience: Did,
  subject: Did,
  options: CallOptions,
): Promise<GuardDenial | undefined> {
  return (
    (context.isOwn && (await refuseAudience(context, audience, options))) ??
    (context.accepts && (await refuseSubject(context, subject, options)))
  )
}

/** SVC-20: only `true` accepts. An error of the function refuses the call. */
async function refuseAudience(
  { isOwn, telemetry }: GuardContext,
  audience: Did,
  options: CallOptions,
): Promise<GuardDenial | undefined> {
  const base = { requirement: 'SVC-20' } as const
  try {
    const answer: unknown = await isOwn?.(audience, { signal: options.signal })
    if (answer === true) return undefined
    if (answer !== false)
      telemetry.error(new TypeError('`audience` must return true or false; any other answer refuses the call'))
  } catch (error) {
    telemetry.error(error)
    const message =
      'the service could not find out whether the invocation is addressed to it; send the same call again later'
    return { ...base, code: 'audience_unknown', message }
  }
  return {
    ...base,
    code: 'audience_mismatch',
    message: `the invocation is addressed to ${audience}, which is not a DID of this service; sign a new invocation with this service as its audience`,
    detail: { kind: 'principal', expected: [], found: audience },
  }
}

/** SVC-12: only `true` accepts. An error of the function refuses the call. */
async function refuseSubject(
  { accepts, telemetry }: GuardContext,
  subject: Did,
  options: CallOptions,
): Promise<GuardDenial | undefined> {
  const base = { requirement: 'SVC-12' } as const
  try {
    const answer: unknown = await accepts?.(subject, { signal: options.signal })
    if (answer === true) return undefined
    if (answer !== false)
      telemetry.error(new TypeError('`subjects` must return true or false; any other answer refuses the call'))
  } catch (error) {
    telemetry.error(error)
    const message = 'the service could not find out whether it acts for the subject; send the same call again later'
    return { ...base, code: 'subject_unknown', message }
  }
  return {
    ...base,
    code: 'subject_not_accepted',
    message: `this service does not act for ${subject}; use proofs that begin with an owner that it acts for`,
    detail: { kind: 'principal', expected: [], found: subject },
  }
}

/** SVC-13: a subject without a credential is refused, and nothing is thrown. */
function chooseFromTable(
  context: GuardContext,
  definition: GuardedCommand,
  table: ReferenceTable,
  call: CredentialChoice,
): GuardedCommand | GuardDenial {
  try {
    return { ...definition, credential: table(call) }
  } catch (error) {
    if (error instanceof VaultError) return missing(call)
    return unknown(context, error)
  }
}

async function chooseByFunction(
  context: GuardContext,
  definition: GuardedCommand,
  choose: CredentialFunction,
  call: CredentialChoice,
  options: CallOptions,
): Promise<GuardedCommand | GuardDenial> {
  let name: unknown
  try {
    name = await choose(call, { signal: options.signal })
  } catch (error) {
    return unknown(context, error)
  }
  if (name === undefined) return missing(call)
  if (typeof name !== 'string' || name === '') {
    return unknown(context, new TypeError('`credential` must return the name of a credential, or undefined'))
  }
  if (context.vault?.references?.includes(name) === false) return missing(call)
  return { ...definition, credential: name }
}

function missing({ command, subject }: CredentialChoice): GuardDenial {
  return refusal(
    'credential_missing',
    `the service has no credential for \`${command}\` of ${subject}; its owner has to add one`,
  )
}

function unknown({ telemetry }: GuardContext, error: unknown): GuardDenial {
  telemetry.error(error)
  return refusal(
    'credential_unknown',
    'the service could not find out which credential is for the call; send the same call again later',
  )
}

function refusal(code: GuardDenialCode, message: string): GuardDenial {
  return { code, message, requirement: 'SVC-13' }
}
