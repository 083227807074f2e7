/**
 * A vector as a question to this library.
 *
 * @module
 */

import type { ArgumentType, CommandEntry, Context, Vector } from '../../spec/vectors/generator/vector.ts'
import { type Authorizer, createAuthorizer } from '../../src/authorization/authorize.ts'
import type { Decision } from '../../src/authorization/decision.ts'
import { type AuthorizeOptions, uncheckedCommands } from '../../src/authorization/options.ts'
import { memoryReplayStore } from '../../src/authorization/replay-store.ts'
import { type CommandDefinition, defineCommand } from '../../src/capability/definition.ts'
import type { StandardSchema } from '../../src/capability/standard-schema.ts'
import { anySubject } from '../../src/capability/subject.ts'
import { parseDid } from '../../src/did/did.ts'
import { decodeBase64url } from '../../src/ipld/base.ts'
import { memoryRevocationStore } from '../../src/revocation/memory.ts'
import type { RevocationEntry } from '../../src/revocation/revocation-store.ts'
import { never } from '../../src/time.ts'

/** A service as the context of a vector says, which has decided about what was seen before. */
export async function serviceOf(context: Context, change: Partial<AuthorizeOptions> = {}): Promise<Authorizer> {
  const service = createAuthorizer({ ...optionsOf(context), ...change })
  for (const container of context.seen) await service.authorize(containerOf(container))
  return service
}

/** The same, without waiting for anything. */
export function serviceOfSync(context: Context): Authorizer {
  const service = createAuthorizer(optionsOf(context))
  for (const container of context.seen) service.authorizeSync(containerOf(container))
  return service
}

/** The container of a vector as it is handed over. */
export function containerOf(container: Vector['container']): string | Uint8Array {
  return typeof container === 'string' ? container : decodeBase64url(container.bytes)
}

/** A decision in the words of a vector. */
export function verdictOf(decision: Decision, expected: Vector['expected']): unknown {
  if (!decision.allowed) {
    const { code, at } = decision.denial
    return { allowed: false, code, ...(expected.allowed || expected.at === undefined ? {} : { at }) }
  }
  const { subject, invoker, command, expiration, notBefore } = decision.authorization
  return {
    allowed: true,
    subject,
    invoker,
    command,
    expiration: expiration === never ? null : expiration,
    ...(notBefore === undefined ? {} : { notBefore }),
  }
}

/** The options that a context stands for. */
export function optionsOf(context: Context): AuthorizeOptions {
  const clock = { now: () => context.time }
  const revocations = memoryRevocationStore({ clock })
  for (const { id, revoker } of context.revoked) {
    const entry: RevocationEntry = { ids: [id], expiration: never }
    void revocations.add(revoker === undefined ? entry : { ...entry, revoker: parseDid(revoker) })
  }
  const { maxInvocationLifetime, ...options } = context.options
  return {
    audience: context.audience,
    subjects: context.subjects === 'any' ? anySubject : context.subjects,
    commands: context.commands === 'any' ? uncheckedCommands : context.commands.map(definitionOf),
    revocations: context.unavailable.includes('revocations') ? { findRevocations: down } : revocations,
    replay: context.unavailable.includes('replay') ? { claim: down } : memoryReplayStore({ clock }),
    clock,
    ...options,
    ...(maxInvocationLifetime === undefined
      ? {}
      : { maxInvocationLifetime: maxInvocationLifetime === 'never' ? never : maxInvocationLifetime }),
  }
}

const down = (): boolean & readonly [] => {
  throw new Error('the store is down')
}

function definitionOf({ command, args, idempotent }: CommandEntry): CommandDefinition {
  const schemas = Object.entries(args).map(([name, type]): [string, StandardSchema] => [name, schemaOf(type)])
  return defineCommand({ command, args: Object.fromEntries(schemas), ...(idempotent === true ? { idempotent } : {}) })
}

function schemaOf(type: string): StandardSchema & { readonly optional?: true } {
  const optional = type.endsWith('?')
  const is = tests[(optional ? type.slice(0, -1) : type) as ArgumentType]
  return {
    ...(optional ? { optional } : {}),
    '~standard': {
      version: 1,
      vendor: 'vectors',
      validate: (value) => (is(value) ? { value } : { issues: [{ message: 'is of another type' }] }),
    },
  }
}

const tests: Readonly<Record<ArgumentType, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  integer: Number.isSafeInteger,
  list: Array.isArray,
}
