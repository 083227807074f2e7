import { email } from '../../src/core/capability/argument-types/email.ts'
import { type CommandDefinition, defineCommand } from '../../src/core/capability/definition.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { actor } from '../support/actors.ts'

/** Two owners, an agent that has delegations of them, and the service that it calls. */
export const owner: Signer = await actor('owner')
export const other: Signer = await actor('other')
export const signer: Signer = await actor('agent')
export const service: Signer = await actor('service')

/** The command of a tool. */
export const send: CommandDefinition<{ readonly to: string }> = defineCommand({
  command: '/mail/send',
  args: { to: email() },
})
