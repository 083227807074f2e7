/**
 * Capabilities of UCAN 0.9.1, the entries of `att`: an ability (`can`) over a resource (`with`), under conditions (`nb`).
 *
 * @module
 */

import { anyCommand, type Command, commandCovers, isCommand } from '../capability/command.ts'
import { ArgumentError, MalformedError } from '../errors.ts'
import { type IpldMap, type IpldValue, isMap } from '../ipld/value.ts'
import { quote } from '../support/quote.ts'

/** What a `can` gives: one command, or with a star a command and all below it. */
export interface Ability {
  readonly command: Command
  /** Whether it is this command alone. */
  readonly exact: boolean
}

/**
 * Reads a `can`.
 *
 * @returns undefined when it is well-formed and names nothing that a command here could be.
 * @throws MalformedError when it is not in the one spelling that readers of this format agree about.
 */
export function readAbility(can: unknown): Ability | undefined {
  if (typeof can !== 'string') throw new MalformedError('UCT-22', '`can` is not text')
  if (can === '*') return { command: anyCommand, exact: false }
  // Readers fold the case, by the rules of the language of their machine, before they compare.
  if (!/^[!-@[-~]*$/.test(can)) {
    throw new MalformedError('UCT-21', `\`can\` ${quote(can)} is not in lower case`)
  }
  if (!can.slice(1, -1).includes('/')) throw new MalformedError('UCT-22', `\`can\` ${quote(can)} has one segment`)
  const open = can.endsWith('/*')
  const text = `/${open ? can.slice(0, -2) : can}`
  return isCommand(text) ? { command: text, exact: !open } : undefined
}

/** Whether an ability is authority over a command. */
export function abilityCovers({ command, exact }: Ability, asked: Command): boolean {
  // Without a star it says nothing about what is below it.
  return exact ? command === asked : command !== asked && commandCovers(command, asked)
}

/**
 * Writes a command as the abilities that together say the same: itself and all that is below it.
 *
 * @throws ArgumentError for a command that 0.9.1 cannot say.
 */
export function abilitiesOf(command: Command): readonly string[] {
  if (command === anyCommand) return ['*']
  const path = command.slice(1)
  // UCT-41: two entries, as `a/b` does not cover `a/b/c`; of a single segment only what is below it can be said.
  return path.includes('/') ? [path, `${path}/*`] : [`${path}/*`]
}

/**
 * Writes the command of an invocation.
 *
 * @throws ArgumentError for a command of one segment, which 0.9.1 cannot say.
 */
export function abilityOf(command: Command): string {
  const path = command.slice(1)
  if (!path.includes('/')) throw new ArgumentError(`${quote(command)} cannot be invoked in 0.9.1: it has one segment`)
  return path
}

/** One entry of `att`: an ability over a resource, under conditions. */
export interface Capability {
  /** `can` as written. */
  readonly can: string
  /** What it gives; undefined when no command here can be that. */
  readonly ability: Ability | undefined
  /** `with`: the resource, or `ucan:*` for all that the issuer has. */
  readonly with: string
  /** `nb` as written; empty when absent. */
  readonly nb: IpldMap
}

/** The resource that stands for all that the issuer of the token has and was given. */
export const allResources = 'ucan:*'

/** `can` of a delegation that says of another that its issuer meant it. */
export const attestAbility = 'ucan/attest'

const none: IpldMap = Object.freeze(Object.create(null))

/** Reads an entry of `att`. */
export function readCapability(value: IpldValue): Capability {
  if (!isMap(value)) throw new MalformedError('UCT-23', 'an entry of `att` is not a map')
  const { can, with: resource, nb = none, ...rest } = value
  const [extra] = Object.keys(rest)
  if (extra !== undefined)
    throw new MalformedError('UCT-23', `an entry of \`att\` has an unknown field ${quote(extra)}`)
  if (typeof resource !== 'string' || !isUri(resource)) throw new MalformedError('UCT-23', '`with` is not a URI')
  if (!isMap(nb)) throw new MalformedError('UCT-23', '`nb` is not a map')
  return { can: can as string, ability: readAbility(can), with: resource, nb }
}

/** Whether a text can be the `with` of a capability. */
export function isUri(text: string): boolean {
  const colon = text.indexOf(':')
  return colon > 0 && /^[A-Za-z][A-Za-z0-9+.-]*$/.test(text.slice(0, colon)) && URL.canParse(text)
}
