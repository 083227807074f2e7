// node only: part of `procura why`

import {
  type AuthorizeOptions,
  anySubject,
  type CommandDefinition,
  defineCommand,
  never,
  parseDid,
  uncheckedCommands,
} from 'procura'
import type { StandardSchema } from 'procura/arguments'
import { standardFormat, type TokenFormat } from 'procura/format'
import { memoryLimitStore, memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import { maybe, type OptionCheck, readOptions } from '#support/options.ts'
import { UsageError } from '../usage-error.ts'

/** Everything beside the container on which a decision depends, in the form that the vectors have. */
export interface DecisionContext {
  /** Seconds since 1970. */
  readonly time: number
  /** The DID of the service. */
  readonly audience: string
  /** The subjects that the service acts for. */
  readonly subjects: 'any' | readonly string[]
  /** The commands of the service. */
  readonly commands: 'any' | readonly ContextCommand[]
  readonly revoked: readonly { readonly id: string; readonly revoker?: string }[]
  /** Containers that the service allowed before. */
  readonly seen: readonly ContextContainer[]
  /** Stores that fail. */
  readonly unavailable: readonly string[]
  /** Settings that differ from the defaults. */
  readonly options: Readonly<Record<string, unknown>>
  readonly formats?: readonly string[]
  readonly attestationAuthorities?: readonly string[]
  readonly owners?: Readonly<Record<string, string>>
}

/** A container as text, or its bytes in base64url. */
export type ContextContainer = string | { readonly bytes: string }

interface ContextCommand {
  readonly command: string
  readonly args: Readonly<Record<string, string>>
  readonly idempotent?: boolean
}

/**
 * Reads a context of JSON. A misspelt field is refused: the answer would be about another service.
 *
 * @throws UsageError that names the field.
 */
export function readContext(text: string): Partial<DecisionContext> {
  const value = readOptions(
    '--context',
    jsonOf(text),
    {
      time: field(Number.isSafeInteger, 'seconds since 1970'),
      audience: field(isText, 'a DID'),
      subjects: field((list) => list === 'any' || isListOf(list, isText), '"any" or a list of DIDs'),
      commands: field((list) => list === 'any' || isListOf(list, isObject), '"any" or a list of commands'),
      revoked: field((list) => isListOf(list, isObject), 'a list of revocations'),
      seen: field((list) => isListOf(list, (one) => isText(one) || isObject(one)), 'a list of containers'),
      unavailable: field(
        (list) => isListOf(list, (one) => one === 'revocations' || one === 'replay'),
        '"revocations" or "replay", in a list',
      ),
      options: field(isObject, 'an object'),
      formats: field(
        (list) => isListOf(list, (one) => one === '1.0.0' || one === '0.9.1'),
        '"1.0.0" or "0.9.1", in a list',
      ),
      attestationAuthorities: field((list) => isListOf(list, isText), 'a list of DIDs'),
      owners: field(isObject, 'an object with a DID for each resource'),
    },
    usage,
  ) as Partial<DecisionContext>
  for (const command of value.commands === 'any' ? [] : (value.commands ?? [])) {
    readOptions(
      'a command of --context',
      command,
      {
        command: field(isText, 'a command'),
        args: field(isObject, 'an object with a type for each argument'),
        idempotent: field((flag) => typeof flag === 'boolean', 'true or false'),
      },
      usage,
    )
  }
  for (const entry of value.revoked ?? [])
    readOptions(
      'a revocation of --context',
      entry,
      { id: field(isText, 'a CID or DID'), revoker: field(isText, 'a DID') },
      usage,
    )
  return value
}

/** The options of an authorizer in this context. They are new: what it allows is used up in it alone. */
export async function optionsIn(context: DecisionContext): Promise<AuthorizeOptions> {
  const clock = { now: () => context.time }
  const revocations = memoryRevocationStore({ clock })
  for (const { id, revoker } of context.revoked) {
    const entry = { ids: [id], expiration: never } as const
    await revocations.add(revoker === undefined ? entry : { ...entry, revoker: parseDid(revoker) })
  }
  const { maxInvocationLifetime, ...options } = context.options
  const { subjects, commands, unavailable, formats } = context
  return {
    audience: context.audience,
    subjects: subjects === 'any' ? anySubject : subjects,
    commands: commands === 'any' ? uncheckedCommands : commands.map(definitionOf),
    revocations: unavailable.includes('revocations') ? { findRevocations: fail } : revocations,
    replay: unavailable.includes('replay') ? { claim: fail } : memoryReplayStore({ clock }),
    limitStore: memoryLimitStore({ clock }),
    clock,
    ...(formats !== undefined && { formats: await formatsOf(formats, context) }),
    ...options,
    ...(maxInvocationLifetime !== undefined && {
      maxInvocationLifetime: maxInvocationLifetime === 'never' ? never : (maxInvocationLifetime as number),
    }),
  }
}

async function formatsOf(
  names: readonly string[],
  { attestationAuthorities = [], owners }: DecisionContext,
): Promise<readonly TokenFormat[]> {
  const { ucantoFormat } = await import('procura/ucanto')
  const ownerOf = (resource: string): string | undefined =>
    owners !== undefined && Object.hasOwn(owners, resource) ? owners[resource] : undefined
  const ucanto = ucantoFormat({ attestationAuthorities, ...(owners !== undefined && { ownerOf }) })
  return names.map((name) => (name === '1.0.0' ? standardFormat : ucanto))
}

function definitionOf({ command, args, idempotent }: ContextCommand): CommandDefinition {
  const schemas = Object.entries(args).map(([name, type]) => [name, schemaOf(name, type)] as const)
  return defineCommand({ command, args: Object.fromEntries(schemas), ...(idempotent === true && { idempotent }) })
}

function schemaOf(name: string, type: string): StandardSchema & { readonly optional?: true } {
  const isOptional = type.endsWith('?')
  const accepts = types.get(isOptional ? type.slice(0, -1) : type)
  if (accepts === undefined)
    throw new UsageError(
      `--context: the type of the argument \`${name}\` must be text, integer, number, list or any, with ? if it may be absent`,
    )
  return {
    ...(isOptional && { optional: true }),
    '~standard': {
      version: 1,
      vendor: 'procura',
      validate: (value) => (accepts(value) ? { value } : { issues: [{ message: `must be of the type ${type}` }] }),
    },
  }
}

/** The check of a field that may be missing. */
function field(is: (value: unknown) => boolean, what: string): OptionCheck {
  return maybe((value) => (is(value) ? undefined : `must be ${what}`))
}

function usage(message: string): UsageError {
  return new UsageError(message)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isListOf(value: unknown, is: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(is)
}

const types: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ['text', isText],
  ['integer', Number.isSafeInteger],
  ['number', Number.isFinite],
  ['list', Array.isArray],
  ['any', () => true],
])

function fail(): never {
  throw new Error('this store fails in the context')
}

function jsonOf(text: string): Partial<DecisionContext> {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError('--context must be a JSON file, in the form of `context` in spec/vectors')
  }
}
