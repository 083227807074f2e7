/**
 * The options of one call of a guard.
 *
 * @module
 */

import { callChecks } from '../authorization/options.ts'
import type { CallOptions } from '../authorization/settings.ts'
import type { Command } from '../capability/command.ts'
import type { CommandDefinition } from '../capability/definition.ts'
import { ArgumentError } from '../errors.ts'
import type { IpldValue } from '../ipld/value.ts'
import { maybe, type OptionChecks, objectValue, readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import type { ExpectedCall } from './admission.ts'
import type { GuardedCommand } from './command.ts'

/** Options of one call of a guard, which bind it to the request that it came with. */
export interface GuardCallOptions extends CallOptions {
  /**
   * The command for which the request is: a definition of the guard, or its name. A call of another command is refused with
   * `command_mismatch` before its intent is recorded, and can still be sent to the right place.
   */
  readonly command?: string | CommandDefinition
  /**
   * Arguments that the call must have with exactly these values, because the request determines them; `undefined` for one
   * that it must not have. Another call is refused with `request_mismatch`, likewise early.
   */
  readonly args?: { readonly [name: string]: IpldValue | undefined }
}

/** Options of one call as they are used. */
export interface CheckedCallOptions extends CallOptions {
  readonly expected: ExpectedCall
}

/**
 * Reads the options of one call.
 *
 * @throws ArgumentError when an option is invalid, or the guard does not have the command.
 */
export function readCallOptions(
  method: string,
  options: GuardCallOptions,
  commands: ReadonlyMap<string, GuardedCommand>,
): CheckedCallOptions {
  const { signal, command: given, args } = readOptions<GuardCallOptions>(method, options, checks)
  const command = typeof given === 'object' ? given.command : given
  if (command !== undefined && !commands.has(command)) {
    throw new ArgumentError(
      `${method}: \`command\` is ${quote(command)}, which the guard does not have; add it to \`commands\` of createGuard`,
    )
  }
  return {
    signal,
    expected: { command: command as Command | undefined, args: args && { ...args } },
  }
}

const checks: OptionChecks<GuardCallOptions> = Object.freeze({
  ...callChecks,
  command: (value) =>
    value === undefined || typeof value === 'string' || typeof Object(value).command === 'string'
      ? undefined
      : 'must be a command definition, or the name of a command',
  args: maybe(objectValue),
})
