/**
 * The options of one call of a guard.
 *
 * @module
 */

import type { ClaimedFacts } from '../audit/events/event.ts'
import { callChecks } from '../core/authorization/options.ts'
import type { CallOptions } from '../core/authorization/settings.ts'
import type { Command } from '../core/capability/command.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import type { IpldValue } from '../core/ipld/value.ts'
import { ArgumentError } from '../errors.ts'
import { callback, maybe, type OptionChecks, objectValue, readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import type { AdmittedCall, ExpectedCall } from './admission.ts'
import type { GuardedCommand } from './command.ts'

/** Options of one call of a guard, which bind it to the request that it came with. */
export interface GuardCallOptions extends CallOptions {
  /**
   * The command for which the request is: a definition of the guard, or its name. A call of another command is refused
   * with `command_mismatch` before its intent is recorded, and can still be sent to the right place. Default: any
   * command of the guard.
   */
  readonly command?: string | CommandDefinition
  /**
   * Arguments that the call must have with exactly these values, because the request determines them; `undefined` for
   * one that it must not have. Another call is refused with `request_mismatch`, likewise early. Default: any arguments.
   */
  readonly args?: { readonly [name: string]: IpldValue | undefined }
  /**
   * Facts that the caller states beside the signed call, for the records of the call: at most 16 strings of at most 256
   * characters. Nobody verifies them, and no decision depends on them. Default: no facts.
   */
  readonly claimed?: ClaimedFacts
  /**
   * Returns whether a call is executed now, such as by the number of calls of its caller that are in progress; any
   * result but `true` refuses it with `overloaded`, and an error with `internal_error`. It is the last question before
   * the call is looked up as revoked or seen, and before a limit is used: the same call can be sent again. A dry run
   * asks it too. Default: each allowed call is executed.
   */
  readonly admit?: (call: AdmittedCall) => boolean
}

/** Options of one call as they are used. */
export interface CheckedCallOptions extends CallOptions {
  readonly expected: ExpectedCall
  readonly claimed: ClaimedFacts | undefined
}

/**
 * Reads the options of one call.
 *
 * @throws ArgumentError when an option is invalid, or the guard does not have the command.
 */
export function readCallOptions(
  method: string,
  options: GuardCallOptions | undefined,
  commands: ReadonlyMap<string, GuardedCommand>,
): CheckedCallOptions {
  if (options === undefined) return noOptions
  const { signal, command: given, args, claimed, admit } = readOptions<GuardCallOptions>(method, options, checks)
  const command = typeof given === 'object' ? given.command : given
  if (command !== undefined && !commands.has(command)) {
    throw new ArgumentError(
      `${method}: \`command\` is ${quote(command)}, which the guard does not have; add it to \`commands\` of createGuard`,
    )
  }
  return {
    signal,
    expected: { command: command as Command | undefined, args: args && { ...args }, admit },
    claimed: claimed && { ...claimed },
  }
}

const noOptions: CheckedCallOptions = Object.freeze({
  signal: undefined,
  expected: Object.freeze({}),
  claimed: undefined,
})

const checks: OptionChecks<GuardCallOptions> = Object.freeze({
  ...callChecks,
  command: (value) =>
    value === undefined || typeof value === 'string' || typeof Object(value).command === 'string'
      ? undefined
      : 'must be a command definition, or the name of a command',
  args: maybe(objectValue),
  admit: maybe(callback),
  // GRD-19
  claimed: (value) =>
    value === undefined || isClaim(value)
      ? undefined
      : 'must be an object with at most 16 strings, each of at most 256 characters',
})

function isClaim(value: unknown): boolean {
  if (objectValue(value) !== undefined) return false
  const entries = Object.entries(value as object)
  return (
    entries.length <= 16 &&
    entries.every(
      ([name, fact]) => /^[A-Za-z][\w.-]{0,63}$/.test(name) && typeof fact === 'string' && fact.length <= 256,
    )
  )
}
