import {
  type ArgumentsOf,
  Authorization,
  type AuthorizeOptions,
  anySubject,
  type Command,
  type CommandDefinition,
  type Decision,
  type DenialCode,
  type Did,
  defineCommand,
  delegate,
  invoke,
  never,
  type Signer,
} from 'procura'
import { email, integer, optional } from 'procura/arguments'
import { createGuard, type GuardedCall, type GuardedCommand, type GuardOptions } from 'procura/guard'
import { memoryVault } from 'procura/vault/memory'
import * as v from 'valibot'
import { describe, expectTypeOf, it } from 'vitest'
import * as z from 'zod'
import type { AnyProcuraError, MalformedError, ProcuraErrorCode } from '../../src/errors.ts'

declare const signer: Signer
declare const genuine: Authorization
declare const decision: Decision
declare const did: Did
declare const options: Omit<GuardOptions, 'commands'>
const send = defineCommand({ command: '/mail/send', args: { to: email(), count: integer() } })

describe('the union of errors', () => {
  it('has every code, and leads from a code to its class', () => {
    expectTypeOf<AnyProcuraError['code']>().toEqualTypeOf<ProcuraErrorCode>()
    expectTypeOf<Extract<AnyProcuraError, { readonly code: 'ERR_MALFORMED' }>>().toEqualTypeOf<MalformedError>()
  })
})

describe('an authorization', () => {
  it('cannot be made by hand', () => {
    const { consume, consumed, ...facts } = genuine
    // @ts-expect-error an object that looks like one lacks the private field
    const forged: Authorization = { ...facts, consume, consumed }
    // @ts-expect-error the constructor is private
    new Authorization(facts, 60, Symbol('authorization'), undefined)
    // @ts-expect-error a vault takes the evidence, not something like it
    void memoryVault({}).lease('key', { authorization: { ...facts, consume, consumed } })
    // @ts-expect-error nor a token
    void memoryVault({}).lease('key', { authorization: 'Coolctn' })
    expectTypeOf(forged).toEqualTypeOf<Authorization>()
  })

  it('is there only when the decision is a yes', () => {
    // @ts-expect-error it can be undefined
    decision.authorization
    if (decision.allowed) expectTypeOf(decision.authorization).toEqualTypeOf<Authorization>()
    else expectTypeOf(decision.denial.code).toEqualTypeOf<DenialCode>()
  })
})

describe('dangerous choices', () => {
  it('have names, and are not null', () => {
    void delegate({ issuer: signer, audience: did, command: '/mail', subject: anySubject, expiration: never })
    // @ts-expect-error any subject is written by name
    void delegate({ issuer: signer, audience: did, command: '/mail', subject: null })
    // @ts-expect-error no end is written by name
    void delegate({ issuer: signer, audience: did, command: '/mail', expiration: null })
    // @ts-expect-error a service names its subjects
    const careless: AuthorizeOptions = { audience: did, commands: [], revocations: {} as never, replay: {} as never }
    expectTypeOf(careless).toEqualTypeOf<AuthorizeOptions>()
  })

  it('a string is not a parsed name', () => {
    // @ts-expect-error a DID comes from parseDid
    const name: Did = 'did:key:z6Mk'
    // @ts-expect-error a command comes from parseCommand
    const command: Command = '/mail'
    expectTypeOf(name).toEqualTypeOf<Did>()
    expectTypeOf(command).toEqualTypeOf<Command>()
  })
})

describe('a definition', () => {
  it('gives the arguments of a call their types', () => {
    void invoke({ issuer: signer, command: send, args: { to: 'bob@example.com', count: 1 } })
    // @ts-expect-error a number is not an address
    void invoke({ issuer: signer, command: send, args: { to: 7, count: 1 } })
    // @ts-expect-error an argument is missing
    void invoke({ issuer: signer, command: send, args: { to: 'bob@example.com' } })
    // @ts-expect-error TOK-21: all of them are
    void invoke({ issuer: signer, command: send })
  })

  it('TOK-21 needs no arguments in a call when all are optional', () => {
    void invoke({ issuer: signer, command: defineCommand({ command: '/a', args: {} }) })
    void invoke({ issuer: signer, command: defineCommand({ command: '/a', args: { x: optional(email()) } }) })
    void invoke({ issuer: signer, command: '/mail/send' })
    void invoke({ issuer: signer, command: '/mail/send', args: { to: 'bob@example.com' } })
    const table: readonly CommandDefinition[] = [send]
    for (const command of table) void invoke({ issuer: signer, command })
  })

  it('ARG-24 has an argument as optional when its schema takes undefined', () => {
    const list = defineCommand({
      command: '/issue/list',
      args: {
        repo: z.string(),
        state: z.enum(['open', 'closed']).optional(),
        label: v.optional(v.string()),
        any: z.unknown(),
      },
    })
    expectTypeOf<ArgumentsOf<typeof list>>().toEqualTypeOf<{
      readonly repo: string
      readonly state?: 'open' | 'closed'
      readonly label?: string
      readonly any?: unknown
    }>()
    void invoke({ issuer: signer, command: list, args: { repo: 'a/b' } })
    // @ts-expect-error one that is required is missing
    void invoke({ issuer: signer, command: list, args: { state: 'open' } })
    // @ts-expect-error `null` does not mean absence
    void invoke({ issuer: signer, command: list, args: { repo: 'a/b', state: null } })
  })

  it('provides the type of its arguments for separate handler functions', () => {
    expectTypeOf<ArgumentsOf<typeof send>>().toEqualTypeOf<{ readonly to: string; readonly count: number }>()
    const handle = (call: GuardedCall<ArgumentsOf<typeof send>>): string => call.args.to
    void createGuard({ ...options, commands: [send] }).use('', handle)
    expectTypeOf<ArgumentsOf<CommandDefinition>>().toEqualTypeOf<unknown>()
    // @ts-expect-error it has neither schemas nor a command
    expectTypeOf<ArgumentsOf<string>>().toBeNever()
  })

  it('gives them to the handler as well, and they cannot be changed', () => {
    const guard = createGuard({ ...options, commands: [{ ...send, credential: 'mail' }] })
    void guard.use('', (call) => {
      expectTypeOf(call.args).toEqualTypeOf<{ readonly to: string; readonly count: number }>()
      // @ts-expect-error only the authorized command can be performed
      call.args.to = 'eve@evil.test'
      // @ts-expect-error a handler does not get the evidence
      call.authorization
    })
    expectTypeOf<GuardedCall['subject']>().toEqualTypeOf<Did>()
  })
})

describe('a guard of several commands', () => {
  const read = defineCommand({ command: '/mail/read', args: { count: integer() } })
  const count = defineCommand({ command: '/mail/count', args: { count: integer() } })
  const guard = createGuard({
    ...options,
    commands: [{ ...send, credential: 'mail' }, read, { ...count, show: ['count'] }],
  })

  it('gives a handler the arguments of the command it asks for, whichever it asks for first', () => {
    void guard.use('', (call) => {
      if (call.is(read)) expectTypeOf(call.args).toEqualTypeOf<{ readonly count: number }>()
      else if (call.is(count)) expectTypeOf(call.args).toEqualTypeOf<{ readonly count: number }>()
      else if (call.is(send)) expectTypeOf(call.args).toEqualTypeOf<{ readonly to: string; readonly count: number }>()
      // @ts-expect-error not every command has this argument
      call.args.to
    })
  })

  it('takes a list that was made elsewhere', () => {
    const list: readonly GuardedCommand[] = [send, { ...read, credential: 'mail' }]
    void createGuard({ ...options, commands: list }).use('', (call) => {
      expectTypeOf(call.args).toEqualTypeOf<unknown>()
      if (call.is(send)) expectTypeOf(call.args.to).toEqualTypeOf<string>()
    })
  })

  it('knows which options a command has', () => {
    // @ts-expect-error a misspelled name is not an option
    void createGuard({ ...options, commands: [{ ...send, credentials: 'mail' }, read] })
  })
})
