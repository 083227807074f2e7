import { describe, expectTypeOf, it } from 'vitest'
import type { Agent } from '../../src/agent/agent.ts'
import { toolOf } from '../../src/agent/tool-of.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { integer, optional, text } from '../../src/core/capability/argument-types/basic.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { type ArgumentsOf, type CommandDefinition, defineCommand } from '../../src/core/capability/definition.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Did } from '../../src/core/did/did.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import type { GuardedCommand } from '../../src/guard/command.ts'
import { createGuard, type Guard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { type BoundCommand, on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { referenceTable } from '../../src/vault/rules/reference-table.ts'

declare const agent: Agent
declare const issuer: Signer
declare const rest: Omit<GuardOptions, 'commands' | 'ledger'>
declare const guard: Guard
const send = defineCommand({ command: '/mail/send', args: { to: email(), note: optional(text()) } })
const list = defineCommand({ command: '/mail/list', args: { limit: integer() } })
const ping = defineCommand({ command: '/ping', args: {} })

const all = [send, list]
const frozen = [send, list, ping] as const
const plain: readonly CommandDefinition[] = all
type One = (typeof all)[number]

describe('definitions with different arguments, in a list', () => {
  it('are definitions, without a cast', () => {
    expectTypeOf(plain).toEqualTypeOf<readonly CommandDefinition[]>()
    for (const one of [...all, ...frozen, ...plain]) {
      expectTypeOf(one.command).toEqualTypeOf<CommandDefinition['command']>()
      toolOf(one)
      void delegate({ issuer, audience: issuer.did, command: one })
    }
    createAuthorizer({ ...rest, subjects: [], audience: '', commands: all })
    createAuthorizer({ ...rest, subjects: [], audience: '', commands: plain })
  })

  it('make the commands of a guard', () => {
    createGuard({ ...rest, commands: all })
    createGuard({ ...rest, commands: frozen })
    createGuard({ ...rest, commands: plain })
    createGuard({ ...rest, commands: all.map((one) => ({ ...one, credential: 'mail' })) })
    createGuard({ ...rest, commands: plain.map((one) => ({ ...one, credential: 'mail' })) })
  })

  it('bind a handler, which gets the arguments of all of them', () => {
    const handlers: BoundCommand[] = []
    for (const one of all)
      handlers.push(
        on(one, ({ args }) => {
          expectTypeOf(args).toEqualTypeOf<ArgumentsOf<One>>()
          return args
        }),
      )
    for (const one of plain) handlers.push(on(one, ({ args }) => expectTypeOf(args).toEqualTypeOf<unknown>()))
    for (const one of frozen) handlers.push(on({ ...one, credential: 'mail' }, ({ args }) => args))
    createService({ ...rest, handlers })
    createService({ ...rest, handlers: all.map((one) => on(one, async ({ args, is: _ }) => args)) })
    createService({ ...rest, handlers: [on(send, ({ args }) => args.to), on(list, ({ args }) => args.limit)] })
  })

  it('give the parameters of a function for credentials their types', () => {
    const choose = { credential: referenceTable([{ command: '/mail', reference: 'mail' }]) }
    const handlers = [
      on(
        { ...send, credential: async ({ subject }) => `mail of ${expectTypeOf(subject).toEqualTypeOf<Did>()}` },
        () => 1,
      ),
      on({ ...list, credential: ({ command }, { signal }) => (signal?.aborted ? undefined : command) }, () => 1),
      on({ ...ping, ...choose }, () => 1),
    ]
    createService({ ...rest, handlers })
    createGuard({
      ...rest,
      commands: [{ ...send, credential: ({ subject }) => subject }, { ...list, ...choose }, ping],
    })
    // @ts-expect-error the name of a credential is a string
    on({ ...send, credential: () => 5 }, () => 1)
  })

  it('are called by an agent and used by a guard', async () => {
    for (const one of all) {
      await agent.can(one)
      await agent.call(one, one === list ? { limit: 1 } : { to: 'bob@example.com' })
      await agent.authorize({ command: one, args: { limit: 1 } })
      await guard.use('', ({ args }) => expectTypeOf(args).toEqualTypeOf<ArgumentsOf<One>>(), { command: one })
    }
    for (const one of plain) {
      await agent.can(one, { to: 'bob@example.com' })
      await agent.call(one, { to: 'bob@example.com' })
      await agent.authorize({ command: one, args: { to: 'bob@example.com' } })
      await guard.use('', ({ args }) => args, { command: one })
      await invoke({ issuer, command: one, args: { to: 'bob@example.com' } })
    }
    for (const one of frozen) await guard.use('', ({ args }) => args, { command: one })
  })

  it('are found by a name, and passed to generic code', async () => {
    for (const [name, command] of Object.entries({ mail_send: send, mail_list: list })) on(command, () => name)
    const table = new Map<string, CommandDefinition>([
      ['mail_send', send],
      ['mail_list', list],
    ])
    for (const [, command] of table) await agent.call(command, { to: 'bob@example.com' } as Record<string, unknown>)
    const commands: readonly GuardedCommand[] = [{ ...send, credential: 'mail' }, list, ...plain]
    createGuard({ ...rest, commands })
    createGuard({ ...rest, commands: [send, ...plain].map((one) => ({ ...one, credential: 'mail' })) })
    const generic = <Args>(definition: CommandDefinition<Args>): readonly CommandDefinition[] => {
      on(definition, ({ args }): Args => args)
      return [definition, ...plain]
    }
    generic(send)
  })

  it('still check the arguments of one', async () => {
    // @ts-expect-error the argument is misspelt
    await agent.call(send, { too: 'bob@example.com' })
    // @ts-expect-error the argument is of another type
    await invoke({ issuer, command: list, args: { limit: 'many' } })
    // @ts-expect-error the argument is missing
    await invoke({ issuer, command: send })
    on(list, ({ args }) => {
      // @ts-expect-error the command has no such argument
      return args.to
    })
  })
})
