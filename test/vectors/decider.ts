/**
 * Vectors as questions to this library, however it is loaded: from its sources, or built, as another platform has it.
 * Needs neither Node nor a test runner.
 *
 * @module
 */

import type * as Root from 'procura'
import type * as MemoryStores from 'procura/store/memory'
import type { ArgumentType, CommandEntry, Context, Vector } from '../../spec/vectors/generator/vector.ts'
import type { Authorizer } from '../../src/core/authorization/authorize.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import type { TokenFormat } from '../../src/core/authorization/formats/token-format.ts'
import type { CommandDefinition } from '../../src/core/capability/definition.ts'
import type { StandardSchema } from '../../src/core/capability/standard-schema.ts'
import type { RevocationEntry } from '../../src/core/revocation/revocation-store.ts'

/** The part of the library that is used. */
export type DeciderApi = Pick<
  typeof Root & typeof MemoryStores,
  | 'anySubject'
  | 'createAuthorizer'
  | 'defineCommand'
  | 'memoryReplayStore'
  | 'memoryRevocationStore'
  | 'never'
  | 'parseDid'
  | 'uncheckedCommands'
>

/** Creates services from contexts. */
export interface Decider {
  /** A service that has decided about earlier tokens. */
  serviceOf(context: Context, change?: Partial<AuthorizeOptions>): Promise<Authorizer>
  /** The same, without waiting for anything. */
  serviceOfSync(context: Context): Authorizer
  /** The options of a context. */
  optionsOf(context: Context): AuthorizeOptions
  /** A decision in the words of a vector. */
  verdictOf(decision: Decision, expected: Vector['expected']): unknown
}

/**
 * Makes it of the library.
 *
 * @param formatsOf - the formats of a context that names some. Default: such contexts are not asked about.
 */
export function createDecider(
  api: DeciderApi,
  formatsOf: (context: Context) => readonly TokenFormat[] = otherFormats,
): Decider {
  function optionsOf(context: Context): AuthorizeOptions {
    const clock = { now: () => context.time }
    const revocations = api.memoryRevocationStore({ clock })
    for (const { id, revoker } of context.revoked) {
      const entry: RevocationEntry = { ids: [id], expiration: api.never }
      void revocations.add(revoker === undefined ? entry : { ...entry, revoker: api.parseDid(revoker) })
    }
    const { maxInvocationLifetime, ...options } = context.options
    return {
      audience: context.audience,
      subjects: context.subjects === 'any' ? api.anySubject : context.subjects,
      commands: context.commands === 'any' ? api.uncheckedCommands : context.commands.map(definitionOf),
      revocations: context.unavailable.includes('revocations') ? { findRevocations: down } : revocations,
      replay: context.unavailable.includes('replay') ? { claim: down } : api.memoryReplayStore({ clock }),
      clock,
      ...(context.formats === undefined ? {} : { formats: formatsOf(context) }),
      ...options,
      ...(maxInvocationLifetime === undefined
        ? {}
        : { maxInvocationLifetime: maxInvocationLifetime === 'never' ? api.never : maxInvocationLifetime }),
    }
  }

  function definitionOf({ command, args, idempotent }: CommandEntry): CommandDefinition {
    const schemas = Object.entries(args).map(([name, type]): [string, StandardSchema] => [name, schemaOf(type)])
    const draft = { command, args: Object.fromEntries(schemas) }
    return api.defineCommand({ ...draft, ...(idempotent === true ? { idempotent } : {}) })
  }

  return {
    optionsOf,
    async serviceOf(context, change = {}) {
      const service = api.createAuthorizer({ ...optionsOf(context), ...change })
      for (const container of context.seen) await service.authorize(containerOf(container))
      return service
    },
    serviceOfSync(context) {
      const service = api.createAuthorizer(optionsOf(context))
      for (const container of context.seen) service.authorizeSync(containerOf(container))
      return service
    },
    verdictOf(decision, expected) {
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
        expiration: expiration === api.never ? null : expiration,
        ...(notBefore === undefined ? {} : { notBefore }),
      }
    },
  }
}

/** The container of a vector in the form in which it is passed to the service. */
export function containerOf(container: Vector['container']): string | Uint8Array {
  if (typeof container === 'string') return container
  const base64 = container.bytes.replaceAll('-', '+').replaceAll('_', '/')
  return Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))
}

function otherFormats(): never {
  throw new Error('this decider reads the default format alone')
}

const down = (): boolean & readonly [] => {
  throw new Error('the store is down')
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
