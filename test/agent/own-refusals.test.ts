import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../../packages/cli/test/cli/run-cli.ts'
import type { RefusalRecord } from '../../src/agent/agent.ts'
import { aiTools } from '../../src/agent/frameworks/ai-sdk.ts'
import { langchainTools } from '../../src/agent/frameworks/langchain.ts'
import { toolInputGuardrail } from '../../src/agent/frameworks/openai.ts'
import { type OpenAgentOptions, openAgent } from '../../src/agent/open-agent.ts'
import { type MemoryAuditSink, memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { openJsonlAuditSink } from '../../src/entries/audit/jsonl.ts'
import { withInvocation } from '../../src/mcp/with-invocation.ts'
import { actor } from '../support/actors.ts'

const [owner, signer, service] = await Promise.all([actor('owner'), actor('agent'), actor('service')])
const send = defineCommand({ command: '/mail/send', args: { to: email() } })
const grant = await delegate({
  ...{ issuer: owner, audience: signer.did, command: send },
  policy: [like('.to', '*@example.com')],
})
const eventsOf = (sink: MemoryAuditSink) => sink.records().map(({ event }) => event)
const eve = { to: 'eve@evil.test' }

const agentWith = (options: Partial<OpenAgentOptions>) =>
  openAgent({
    signer,
    delegations: [grant],
    services: [{ audience: service.did, send: async () => ({ ok: true, value: 'sent' }) }],
    ...options,
  })

describe('AGT-41 a call that an agent refuses by itself', () => {
  it('is recorded without its arguments, and reported with them', async () => {
    const sink = memoryAuditSink()
    const seen: RefusalRecord[] = []
    const agent = await agentWith({ audit: { sink }, onRefusal: (one) => void seen.push(one) })
    expect((await agent.call(send, { to: 'bob@example.com' })).ok).toBe(true)
    expect((await agent.can(send)).ok).toBe(true)
    expect([eventsOf(sink), seen]).toEqual([[], []])
    expect((await agent.call(send, eve)).ok).toBe(false)
    expect((await agent.authorize({ command: send, args: eve })).ok).toBe(false)
    expect(eventsOf(sink)).toHaveLength(2)
    expect(eventsOf(sink)[0]).toMatchObject({
      ...{ kind: 'denied', code: 'policy_unsatisfied', command: '/mail/send', authenticated: true },
      ...{ invoker: signer.did, subject: owner.did, chain: [String(grant.cid)] },
    })
    expect(JSON.stringify(eventsOf(sink))).not.toContain('evil')
    expect(seen).toMatchObject([{ command: '/mail/send', args: eve, denial: { code: 'policy_unsatisfied' } }, {}])
  })

  it('is recorded for sub-agents, and in each adapter', async () => {
    const sink = memoryAuditSink()
    const agent = await agentWith({ audit: { sink } })
    const part = await agent.attenuateFor({ commands: [send] })
    await part.call(send, eve)
    expect(eventsOf(sink)).toMatchObject([{ kind: 'denied', invoker: part.did }])
    class ToolMessage {}
    const [run] = await langchainTools(agent, { tools: [send], tool: (callback) => callback, ToolMessage })
    await (run as (args: unknown) => Promise<unknown>)(eve)
    const tools = await aiTools(agent, { tools: [send] })
    await expect(tools['mail_send']?.execute(eve, {} as never)).rejects.toThrow('.to')
    expect(eventsOf(sink)).toHaveLength(3)
    const transport = { send: async () => undefined }
    const signing = withInvocation(transport, agent, { tools: [send] })
    const params = { name: 'mail_send', arguments: eve }
    await (signing.send as (message: unknown) => Promise<void>)({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    expect(eventsOf(sink)).toHaveLength(4)
    const guardrail = toolInputGuardrail(agent, { tools: [send] })
    const toolCall = { name: 'mail_send', arguments: JSON.stringify(eve) }
    await (guardrail.run as (given: unknown) => Promise<unknown>)({ toolCall, context: {} })
    expect(eventsOf(sink)).toHaveLength(5)
  })

  it('stays refused when its record fails, and `onError` receives the error', async () => {
    const errors: unknown[] = []
    const fault = new Error('the disk is full')
    const sink = { name: 'full', append: () => Promise.reject(fault), close: async () => undefined }
    const onRefusal = (): never => {
      throw new Error('of the program')
    }
    const agent = await agentWith({ audit: { sink }, onRefusal, onError: (error) => void errors.push(error) })
    expect((await agent.call(send, eve)).ok).toBe(false)
    expect(errors).toEqual([fault])
  })

  it('is read by procura log', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'procura-refusals-'))
    try {
      const sink = await openJsonlAuditSink({ directory: join(directory, 'log') })
      const agent = await agentWith({ audit: { sink } })
      await agent.call(send, eve)
      const { code, out } = await runCli(['log', join(directory, 'log'), '--decision', 'denied', '--agent', signer.did])
      expect([code, out]).toEqual([0, expect.stringMatching(/denied.*\/mail\/send/)])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
