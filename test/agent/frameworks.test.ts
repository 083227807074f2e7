import { describe, expect, it } from 'vitest'
import { guardedTools, toolApproval } from '../../src/agent/frameworks/ai-sdk.ts'
import { langchainMiddleware } from '../../src/agent/frameworks/langchain.ts'
import { toolInputGuardrail, toolMetaResolver } from '../../src/agent/frameworks/openai.ts'
import type { ActingAgent, ToolPermissionOptions } from '../../src/agent/frameworks/tool-permission.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { openContainer } from '../../src/authorization/open-container.ts'
import { email } from '../../src/capability/argument-types/email.ts'
import { defineCommand } from '../../src/capability/definition.ts'
import { like } from '../../src/capability/policy/build.ts'
import { delegate } from '../../src/delegation/delegate.ts'
import { ArgumentError, AuthorizationError } from '../../src/errors.ts'
import { actor } from '../support/actors.ts'

const [owner, other, signer, service] = [
  await actor('owner'),
  await actor('other'),
  await actor('agent'),
  await actor('service'),
]
const send = defineCommand({ command: '/mail/send', args: { to: email() } })
const tools = { mail_send: send }
const grantOf = (issuer: typeof owner) =>
  delegate({ issuer, audience: signer.did, command: send, policy: [like('.to', '*@example.com')] })
const assistant = await openAgent({ signer, delegations: [await grantOf(owner)] })

class ToolMessage {
  readonly fields: { readonly content: string }
  constructor(fields: { readonly content: string }) {
    this.fields = fields
  }
}

type Outcome = { readonly ran: boolean; readonly told: string }
type Adapter = (agent: ActingAgent, options: ToolPermissionOptions, tool: string, args: unknown) => Promise<Outcome>

/** How each adapter answers one call of a tool. */
const adapters: Readonly<Record<string, Adapter>> = {
  async langchain(agent, options, name, args) {
    let ran = false
    const handler = async () => {
      ran = true
    }
    const { wrapToolCall } = langchainMiddleware(agent, { ...options, ToolMessage })
    const result = await wrapToolCall({ toolCall: { id: '1', name, args } }, handler)
    return { ran, told: result?.fields.content ?? '' }
  },
  async toolApproval(agent, options, toolName, input) {
    const answer = await toolApproval(agent, options)({ toolCall: { toolName, input } })
    return answer.type === 'denied' ? { ran: false, told: answer.reason } : { ran: true, told: '' }
  },
  async openai(agent, options, name, args) {
    const call = { toolCall: { name, arguments: JSON.stringify(args) } }
    const { behavior } = await toolInputGuardrail(agent, options).run(call)
    return behavior.type === 'allow' ? { ran: true, told: '' } : { ran: false, told: behavior.message }
  },
}

describe.each(Object.entries(adapters))('%s', (_name, call) => {
  const bob = { to: 'bob@example.com' }
  const eve = { to: 'eve@example.org' }

  it('AGT-20 runs a permitted call, and tells the reason of a refusal', async () => {
    const answer = await assistant.can(send, eve)
    expect(await call(assistant, { tools }, 'mail_send', bob)).toEqual({ ran: true, told: '' })
    expect(await call(assistant, { tools }, 'mail_send', eve)).toEqual({
      ran: false,
      told: answer.ok ? '' : answer.denial.message,
    })
  })

  it.each(['other', 'toString', '__proto__', ''])('AGT-20 refuses the tool %j, which has no command', async (name) => {
    const { ran, told } = await call(assistant, { tools }, name, bob)
    expect(ran).toBe(false)
    expect(told).toContain('no command is configured')
  })

  it.each([
    ['a list', ['bob@example.com']],
    ['text', 'bob@example.com'],
    ['a number', 1],
  ])('AGT-20 refuses arguments that are %s', async (_kind, args) => {
    const { ran, told } = await call(assistant, { tools }, 'mail_send', args)
    expect(ran).toBe(false)
    expect(told).toContain('must be an object')
  })

  it('AGT-20 does not run a call when the agent throws', async () => {
    const unsure = await openAgent({ signer, delegations: [await grantOf(owner), await grantOf(other)] })
    await expect(call(unsure, { tools }, 'mail_send', bob)).rejects.toThrow(ArgumentError)
    expect(await call(unsure, { tools, subject: owner.did }, 'mail_send', bob)).toMatchObject({ ran: true })
  })

  it('AGT-21 passes a call that an approval could permit, and no other', async () => {
    expect(await call(assistant, { tools, approvable: 'passed' }, 'mail_send', eve)).toMatchObject({ ran: true })
    const none = await openAgent({ signer })
    expect(await call(none, { tools, approvable: 'passed' }, 'mail_send', bob)).toMatchObject({ ran: false })
  })

  it('AGT-22 refuses calls while there is no agent, and asks for it at each call', async () => {
    let acting: typeof assistant | undefined
    const source = () => acting
    expect((await call(source, { tools }, 'mail_send', bob)).told).toContain('no authority was delegated')
    acting = assistant
    expect(await call(source, { tools }, 'mail_send', bob)).toMatchObject({ ran: true })
  })

  it('refuses another object than an agent', async () => {
    await expect(call({} as typeof assistant, { tools }, 'mail_send', bob)).rejects.toThrow(/must be an agent/)
  })
})

describe('guardedTools', () => {
  const toolSet = { mail_send: { description: 'Sends.', execute: async ({ to }: { to: string }) => `sent to ${to}` } }

  it('AGT-20 asks before `execute`, and throws the reason', async () => {
    const { mail_send } = guardedTools(assistant, toolSet, { tools })
    expect(mail_send.description).toBe('Sends.')
    await expect(mail_send.execute({ to: 'bob@example.com' })).resolves.toBe('sent to bob@example.com')
    await expect(mail_send.execute({ to: 'eve@example.org' })).rejects.toThrow(AuthorizationError)
  })

  it('returns the last result of a tool that yields several', async () => {
    async function* execute(_input: { to: string }) {
      yield 'sending'
      yield 'sent'
    }
    const { mail_send } = guardedTools(assistant, { mail_send: { execute } }, { tools })
    expect(await mail_send.execute({ to: 'bob@example.com' })).toBe('sent')
  })

  it('refuses tools that it cannot guard', () => {
    expect(() => guardedTools(assistant, { mail_send: {} }, { tools })).toThrow(/no `execute`/)
    expect(() => guardedTools(assistant, { ...toolSet, other: toolSet.mail_send }, { tools })).toThrow(/no command/)
  })

  it('AGT-21 toolApproval lets the user confirm a call that needs an approval', async () => {
    const question = { toolCall: { toolName: 'mail_send', input: { to: 'eve@example.org' } } }
    expect(await toolApproval(assistant, { tools, approvable: 'passed' })(question)).toEqual({ type: 'user-approval' })
  })
})

describe('toolMetaResolver', () => {
  it('AGT-23 signs a call for its arguments, and refuses one that the agent may not make', async () => {
    const resolve = toolMetaResolver(assistant, { tools, audience: service.did })
    const args = { to: 'bob@example.com' }
    const meta = await resolve({ toolName: 'mail_send', arguments: args })
    const { invocations } = await openContainer(String(meta['xyz.ucan/container']))
    expect(invocations.map((one) => [one.command, one.args, one.audience])).toEqual([['/mail/send', args, service.did]])
    await expect(resolve({ toolName: 'mail_send', arguments: { to: 'eve@example.org' } })).rejects.toThrow(
      AuthorizationError,
    )
    await expect(resolve({ toolName: 'other', arguments: args })).rejects.toThrow(/no command is configured/)
    await expect(resolve({ toolName: 'mail_send', arguments: null })).rejects.toThrow(AuthorizationError)
  })

  it('AGT-20 a guardrail refuses arguments that are not JSON', async () => {
    const { behavior } = await toolInputGuardrail(assistant, { tools }).run({
      toolCall: { name: 'mail_send', arguments: '{' },
    })
    expect(behavior.type).toBe('rejectContent')
  })
})
