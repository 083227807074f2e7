/**
 * Capabilities of UCAN 0.9.1, the entries of `att`: an ability (`can`) over a resource (`with`), under conditions
 * (`nb`).
 *
 * @module
 */

import { anyCommand, type Command, commandCovers, isCommand } from '../core/capability/command.ts'
import { type IpldMap, type IpldValue, isMap } from '../core/ipld/value.ts'
import { ArgumentError, MalformedError } from '../errors.ts'
import { quote } from '../support/quote.ts'

/** The meaning of a `can`: one command, or with a star all commands below it. */
export interface Ability {
  readonly command: Command
  /** Whether it grants this command alone. */
  readonly exact: boolean
}

/**
 * Reads a `can`.
 *
 * @returns undefined when it is well-formed but cannot be a command of UCAN 1.0.
 * @throws MalformedError when it is not in the one spelling that all readers of this format interpret alike.
 */
export function readAbility(can: unknown): Ability | undefined {
  if (typeof can !== 'string') throw new MalformedError('UCT-22', '`can` must be a string')
  if (can === '*') return { command: anyCommand, exact: false }
  // Readers fold the case before they compare, by the language of their machine.
  if (!/^[!-@[-~]*$/.test(can)) {
    throw new MalformedError('UCT-21', `\`can\` ${quote(can)} must be in lower case`)
  }
  if (!can.slice(1, -1).includes('/'))
    throw new MalformedError('UCT-22', `\`can\` ${quote(can)} must have at least two segments`)
  const open = can.endsWith('/*')
  const text = `/${open ? can.slice(0, -2) : can}`
  return isCommand(text) ? { command: text, exact: !open } : undefined
}

/** Whether an ability grants a command. */
export function abilityCovers({ command, exact }: Ability, asked: Command): boolean {
  // Without a star it grants nothing below it.
  return exact ? command === asked : command !== asked && commandCovers(command, asked)
}

/**
 * Writes a command as the abilities that together grant the same: itself and all commands below it.
 */
export function abilitiesOf(command: Command): readonly string[] {
  if (command === anyCommand) return ['*']
  const path = command.slice(1)
  // UCT-41: Two entries, because `a/b` does not cover `a/b/c`. A single segment is not a valid ability by itself.
  return path.includes('/') ? [path, `${path}/*`] : [`${path}/*`]
}

/**
 * Writes the command of an invocation.
 *
 * @throws ArgumentError for a command of one segment, which 0.9.1 cannot express.
 */
export function abilityOf(command: Command): string {
  const path = command.slice(1)
  if (!path.includes('/'))
    throw new ArgumentError(
      `command ${quote(command)} has one segment and cannot be invoked in 0.9.1; use at least two`,
    )
  return path
}

/** One entry of `att`: an ability over a resource, under conditions. */
export interface Capability {
  /** `can` as written. */
  readonly can: string
  /** The meaning of `can`; undefined when it cannot be a command of UCAN 1.0. */
  readonly ability: Ability | undefined
  /** `with`: the resource, or `ucan:*` for all resources of the issuer. */
  readonly with: string
  /** `nb` as written; empty when absent. */
  readonly nb: IpldMap
}

/** The `with` for all resources that the issuer of the token owns or was granted. */
export const allResources = 'ucan:*'

/** The `can` of an attestation: a delegation that confirms the issuer of another one. */
export const attestAbility = 'ucan/attest'

const none: IpldMap = Object.freeze(Object.create(null))

/** Reads an entry of `att`. */
export function readCapability(value: IpldValue): Capability {
  if (!isMap(value)) throw new MalformedError('UCT-23', 'every item of `att` must be a map')
  const { can, with: resource, nb = none, ...rest } = value
  const [extra] = Object.keys(rest)
  if (extra !== undefined)
    throw new MalformedError('UCT-23', `an item of \`att\` has the unknown field ${quote(extra)}`)
  if (typeof resource !== 'string' || !isUri(resource)) throw new MalformedError('UCT-23', '`with` must be a URI')
  if (!isMap(nb)) throw new MalformedError('UCT-23', '`nb` must be a map')
  return { can: can as string, ability: readAbility(can), with: resource, nb }
}

/** Whether a string can be the `with` of a capability. */
export function isUri(text: string): boolean {
  const colon = text.indexOf(':')
  return colon > 0 && /^[A-Za-z][A-Za-z0-9+.-]*$/.test(text.slice(0, colon)) && URL.canParse(text)
}
