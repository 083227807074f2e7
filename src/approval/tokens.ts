/**
 * The two commands of approvals: an agent requests one, and an approver refuses one. An approval itself is a
 * delegation.
 *
 * @module
 */

import { text } from '../core/capability/argument-types/basic.ts'
import { anyCommand, parseCommand } from '../core/capability/command.ts'
import { type CommandDefinition, defineCommand } from '../core/capability/definition.ts'
import type { StandardSchema } from '../core/capability/standard-schema.ts'
import { type Did, isDid } from '../core/did/did.ts'
import type { IpldMap } from '../core/ipld/value.ts'

/** Most UTF-16 code units of the reason in a request or a refusal. */
export const maxReasonLength = 500

/** Longest lifetime of a request, in seconds: one hour. */
export const maxRequestLifetime = 3_600

/** The arguments of a request: the call to be approved. */
export interface RequestArguments {
  /** The owner of the requested authority. */
  readonly subject: Did
  /** The service that refused the call. */
  readonly service: Did
  /** The command of the call. */
  readonly command: string
  /** The arguments of the call. */
  readonly arguments: IpldMap
  /** The reason in the words of the agent. */
  readonly reason?: string
}

/** A request by an agent. APR-01 */
export const requestDefinition: CommandDefinition<RequestArguments> = defineCommand({
  command: '/approval/request',
  args: {
    subject: schema('a DID', isDid),
    service: schema('a DID', isDid),
    command: schema('a command below `/`', isCommandText),
    arguments: schema('a map', isPlainMap),
    reason: Object.freeze({ ...text({ maxLength: maxReasonLength }), optional: true as const }),
  },
}) as CommandDefinition<RequestArguments>

/** The arguments of a refusal. */
export interface RefusalArguments {
  /** The CID of the refused request, as a string. */
  readonly request: string
  /** The reason in the words of the approver. */
  readonly reason?: string
}

/** A refusal by an approver. */
export const refusalDefinition: CommandDefinition<RefusalArguments> = defineCommand({
  command: '/approval/refuse',
  args: {
    request: text({ maxLength: 128 }),
    reason: Object.freeze({ ...text({ maxLength: maxReasonLength }), optional: true as const }),
  },
}) as CommandDefinition<RefusalArguments>

function schema<T>(kind: string, accepts: (value: unknown) => boolean): StandardSchema<T> {
  return Object.freeze({
    '~standard': {
      version: 1 as const,
      vendor: 'procura',
      validate: (value: unknown) =>
        accepts(value) ? { value: value as T } : { issues: [{ message: `is not ${kind}` }] },
    },
  })
}

/** A call is of one command. An approval of `/` would cover every command with the same arguments. */
function isCommandText(value: unknown): boolean {
  try {
    return parseCommand(value as string) === value && value !== anyCommand
  } catch {
    return false
  }
}

/** A map of the data model: an object without a class. Bytes, lists and links have one. */
function isPlainMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
